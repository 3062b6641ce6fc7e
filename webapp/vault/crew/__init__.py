"""Other processes that read, compress and seal the small files of a backup.

Python uses one core at a time, and a first backup of very many small files is mostly Python,
system calls and compression. So forks of the process take stretches of the walk: they read, digest
and pack what is new, in memory that they share with their parent. All that decides stays in the
parent: which chunks are new, what is put into the storage, and what the manifest says.
"""
