"""Changing what lies below an open folder, one name at a time. For the writers only.

Everything new is made under a temporary name in the same folder, complete with its facts, and
then takes its place in one step. Names are single parts, never paths, and no link is followed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat

from webapp.hosts.beneath import open_beneath
from webapp.hosts.facts import KEPT_XATTRS
from webapp.items import Entry, EntryKind

_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_NOT_KNOWN = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


def open_folder(root: int, path: bytes) -> int:
    """Open a folder below *root* to work in."""
    return open_beneath(root, path, os.O_RDONLY | os.O_DIRECTORY)


def new_file(folder: int, name: bytes) -> int:
    """Make an empty file that nobody else can read yet, and open it for writing."""
    return os.open(name, _NEW_FILE, 0o600, dir_fd=folder)


def new_node(folder: int, name: bytes, entry: Entry) -> None:
    """Make anything but a file, with all its facts."""
    if entry.kind is EntryKind.FOLDER:
        os.mkdir(name, 0o700, dir_fd=folder)
    elif entry.kind is EntryKind.SYMLINK:
        os.symlink(entry.link_target, name, dir_fd=folder)
    elif entry.kind is EntryKind.FIFO:
        os.mkfifo(name, 0o600, dir_fd=folder)
    else:
        sort = stat.S_IFCHR if entry.kind is EntryKind.CHARACTER else stat.S_IFBLK
        os.mknod(name, sort | 0o600, entry.device, dir_fd=folder)
    set_facts(folder, name, entry)


def set_facts(folder: int, name: bytes, entry: Entry) -> None:
    """Give *name* the owner, attributes, mode and time of *entry*."""
    if entry.kind is EntryKind.SYMLINK:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
            os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
        _set_time(name, entry.mtime_ns, folder=folder)
        return
    # By way of a descriptor, so that a link put in its place meanwhile is not followed.
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise OSError(errno.ELOOP, "a link took its place")
        _set_facts_at(b"/proc/self/fd/%d" % descriptor, entry)
    finally:
        os.close(descriptor)


def set_file_facts(file: int, entry: Entry) -> None:
    """Give an open file the owner, attributes, mode and time of *entry*."""
    _set_facts_at(file, entry)


def set_time(folder: int, name: bytes, mtime_ns: int) -> None:
    """Set the time of a folder or file."""
    _set_time(name, mtime_ns, folder=folder)


def take_free_place(folder: int, temporary: bytes, name: bytes) -> None:
    """Move *temporary* to *name* in one step.

    Raises:
        FileExistsError: there is something by that name.
    """
    if _renameat2(folder, temporary, name, _RENAME_NOREPLACE):
        return
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    raise FileExistsError(errno.EEXIST, "the place is taken")


def take_place(folder: int, temporary: bytes, name: bytes) -> None:
    """Move *temporary* to *name* in one step; what was there is gone, unless it is a folder."""
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def swap_places(folder: int, temporary: bytes, name: bytes) -> None:
    """Let *temporary* take the place of *name* where one of them is a folder, and remove the other.

    Raises:
        OSError: ``ENOTEMPTY`` if what would be removed is a folder with something in it.
    """
    if not _renameat2(folder, temporary, name, _RENAME_EXCHANGE):
        remove(folder, name)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    try:
        remove(folder, temporary)
    except OSError:
        _renameat2(folder, temporary, name, _RENAME_EXCHANGE)
        raise


def remove(folder: int, name: bytes) -> None:
    """Remove a file, a link, or an empty folder; what is absent is no fault."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return


def sync_file_system(descriptor: int) -> None:
    """Make everything that was written to this file system durable.

    Raises:
        OSError: some of it may be lost.
    """
    if _libc.syncfs(ctypes.c_int(descriptor)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _set_facts_at(place: int | bytes, entry: Entry) -> None:
    """Owner first, since a new owner loses set-user-id bits and capabilities; mode after the
    attributes, since whoever may not write a file may not set them; time last."""
    status = os.stat(place)
    if (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
        os.chown(place, entry.uid, entry.gid)
    _set_xattrs(place, entry)
    if stat.S_IMODE(os.stat(place).st_mode) != entry.mode:
        os.chmod(place, entry.mode)
    os.utime(place, ns=(status.st_atime_ns, entry.mtime_ns))


def _set_xattrs(place: int | bytes, entry: Entry) -> None:
    wanted = {os.fsdecode(name): value for name, value in entry.xattrs}
    try:
        present = [name for name in os.listxattr(place) if name.startswith(KEPT_XATTRS)]
    except OSError as error:
        if error.errno != errno.ENOTSUP or wanted:
            raise
        return
    for name in present:
        if name not in wanted:
            os.removexattr(place, name)
    for name, value in wanted.items():
        if name not in present or os.getxattr(place, name) != value:
            os.setxattr(place, name, value)


def _set_time(name: bytes, mtime_ns: int, *, folder: int) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    times = (status.st_atime_ns, mtime_ns)
    os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)


def _renameat2(folder: int, old: bytes, new: bytes, flags: int) -> bool:
    """Rename with *flags*; False where kernel or file system do not know them."""
    try:
        call = _libc.renameat2
    except AttributeError:
        return False
    result = call(ctypes.c_int(folder), old, ctypes.c_int(folder), new, ctypes.c_uint(flags))
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_KNOWN:
        return False
    raise OSError(code, os.strerror(code))
