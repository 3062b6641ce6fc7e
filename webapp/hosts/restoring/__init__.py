"""A folder of this machine as the target of a whole restore. Changes it, and nothing outside it.

A file is written under a temporary name in its folder and takes its own name when it is whole.
Every folder is opened from the root of the target without following a link. Nothing is removed but
what a dead restore has left unfinished, and what an entry of the same name takes the place of.
"""
