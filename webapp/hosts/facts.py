"""What a file system says about one name: its ``Entry``."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from functools import lru_cache

from webapp.items import Entry, EntryKind

_KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.FOLDER,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFCHR: EntryKind.CHARACTER,
    stat.S_IFBLK: EntryKind.BLOCK,
}
_DEVICES = {EntryKind.CHARACTER, EntryKind.BLOCK}
_NO_XATTRS = {errno.ENOTSUP, errno.ENODATA, errno.EPERM, errno.EACCES}
# Labels that the system sets by its own rules, such as security.selinux, belong to the machine.
KEPT_XATTRS = ("user.", "system.posix_acl_", "security.capability")

_has_proc = os.path.isdir("/proc/self/fd")

Xattrs = tuple[tuple[bytes, bytes], ...]


def kind_of(mode: int) -> EntryKind | None:
    """The kind of thing that ``st_mode`` tells of; None for a socket."""
    return _KINDS.get(stat.S_IFMT(mode))


def describe(path: bytes, status: os.stat_result, *, folder: int, name: bytes) -> Entry | None:
    """Make the entry of *name* in the open *folder*; None for a socket.

    Args:
        path: what the entry is called in the stream.
        status: its ``lstat``.

    Raises:
        OSError: a link or an extended attribute cannot be read.
    """
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    link = kind is EntryKind.SYMLINK
    return Entry(
        path=path,
        kind=kind,
        mode=status.st_mode & 0o7777,
        uid=status.st_uid,
        gid=status.st_gid,
        user=user_name(status.st_uid),
        group=group_name(status.st_gid),
        size=status.st_size if kind is EntryKind.FILE else 0,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
        link_target=os.readlink(name, dir_fd=folder) if link else b"",
        device=status.st_rdev if kind in _DEVICES else 0,
        xattrs=() if link else xattrs(folder, name),
    )


def xattrs(folder: int, name: bytes) -> Xattrs:
    """The extended attributes we keep of *name* in the open *folder*, sorted by name.

    There is no call that takes folder and name, so the way leads over ``/proc/self/fd``.
    """
    if not _has_proc:
        raise OSError(errno.ENOSYS, "/proc is not mounted")
    return _xattrs(b"/proc/self/fd/%d/%s" % (folder, name), follow_symlinks=False)


def file_xattrs(descriptor: int) -> Xattrs:
    """Those of an open file, for a tenth of the price."""
    try:
        if not os.listxattr(descriptor):
            return ()
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return ()
        raise
    return _xattrs(descriptor, follow_symlinks=True)


def _xattrs(place: bytes | int, *, follow_symlinks: bool) -> Xattrs:
    try:
        found = os.listxattr(place, follow_symlinks=follow_symlinks)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return ()
        raise
    if not found:
        return ()
    names = sorted(key for key in found if key.startswith(KEPT_XATTRS))
    return _values(place, names, follow_symlinks=follow_symlinks)


def _values(place: bytes | int, names: list[str], *, follow_symlinks: bool) -> Xattrs:
    values = []
    for name in names:
        try:
            value = os.getxattr(place, name, follow_symlinks=follow_symlinks)
        except OSError as error:
            if error.errno in _NO_XATTRS:
                continue
            raise
        values.append((os.fsencode(name), value))
    return tuple(values)


@lru_cache(maxsize=4096)
def user_name(uid: int) -> str:
    """The user's name, or nothing."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=4096)
def group_name(gid: int) -> str:
    """The group's name, or nothing."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
