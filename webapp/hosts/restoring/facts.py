"""Owner, attributes, mode and time of what was restored: each that can be set is set."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable
from functools import lru_cache, partial

from webapp.hosts.facts import KEPT_XATTRS
from webapp.items import EntryKind, NotPlaced, StoredEntry

_SPECIAL = 0o7000
_NOT_OFFERED = {errno.ENOTSUP, errno.EPERM, errno.EACCES}
Xattrs = tuple[tuple[bytes, bytes], ...]


class Facts:
    """Sets and compares facts.

    Args:
        by_name: users and groups that exist here by name get what is theirs, whatever their ids.
    """

    def __init__(self, *, by_name: bool) -> None:
        self._by_name = by_name
        self.is_root = os.geteuid() == 0

    def owner(self, entry: StoredEntry) -> tuple[int, int]:
        """The ids that *entry* is to have on this machine."""
        if not self._by_name:
            return entry.uid, entry.gid
        return _uid_of(entry.user, entry.uid), _gid_of(entry.group, entry.gid)

    def owner_differs(self, entry: StoredEntry, status: os.stat_result) -> bool:
        return (status.st_uid, status.st_gid) != self.owner(entry)

    def others_differ(self, entry: StoredEntry, status: os.stat_result, xattrs: Xattrs) -> bool:
        """Whether anything but content and owner is not as *entry* has it."""
        if status.st_mtime_ns != entry.mtime_ns:
            return True
        if entry.kind is EntryKind.SYMLINK:
            return False
        return stat.S_IMODE(status.st_mode) != entry.mode or xattrs != entry.xattrs

    def set(self, place: int | bytes, entry: StoredEntry, status: os.stat_result) -> list[str]:
        """Set all facts of what is no link; return in sentences what could not be set.

        Owner first, since a new owner loses set-user-id bits and capabilities; mode after the
        attributes, since whoever may not write a file may not set them; time last.
        """
        lacks, mode = self._set_owner(place, entry, status)
        lacks += _set_xattrs(place, entry)
        try:
            if mode & _SPECIAL or entry.xattrs or stat.S_IMODE(status.st_mode) != mode:
                os.chmod(place, mode)
            os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))
        except PermissionError:
            lacks.append("You may not set its permissions or its time.")
        return lacks

    def set_link(self, folder: int, name: bytes, entry: StoredEntry) -> list[str]:
        """Set owner and time of a symbolic link."""
        lacks = []
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (status.st_uid, status.st_gid) != (owner := self.owner(entry)):
            try:
                os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)
            except PermissionError:
                lacks.append(_not_given(entry))
        times = (entry.mtime_ns, entry.mtime_ns)
        os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)
        return lacks

    def _set_owner(
        self, place: int | bytes, entry: StoredEntry, status: os.stat_result
    ) -> tuple[list[str], int]:
        """What could not be done, and the mode that is safe to set then."""
        uid, gid = self.owner(entry)
        if (status.st_uid, status.st_gid) == (uid, gid):
            return [], entry.mode
        try:
            os.chown(place, uid, gid)
            return [], entry.mode
        except (PermissionError, OverflowError):
            mode = entry.mode
        if status.st_uid != uid:
            mode &= ~stat.S_ISUID
        if status.st_gid != gid:
            try:
                os.chown(place, -1, gid)
            except (PermissionError, OverflowError):
                mode &= ~stat.S_ISGID
        return [_not_given(entry)], mode


def lacking(lacks: list[str]) -> NotPlaced:
    """What to raise for an item that is in place without all its facts."""
    return NotPlaced("not_allowed", "Restored, but: " + " ".join(lacks), is_there=True)


def _not_given(entry: StoredEntry) -> str:
    owner = f"{entry.user or entry.uid}:{entry.group or entry.gid}"
    return f"Only root can give it to {owner}."


def _set_xattrs(place: int | bytes, entry: StoredEntry) -> list[str]:
    wanted = {os.fsdecode(name): value for name, value in entry.xattrs}
    try:
        present = [name for name in os.listxattr(place) if name.startswith(KEPT_XATTRS)]
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        return ["This file system cannot hold its attributes."] if wanted else []
    failed: list[str] = []
    for name in present:
        if name not in wanted:
            _try(failed, name, partial(os.removexattr, place, name))
    for name, value in wanted.items():
        if name not in present or os.getxattr(place, name) != value:
            _try(failed, name, partial(os.setxattr, place, name, value))
    return [f"Its attributes {', '.join(failed)} could not be set."] if failed else []


def _try(failed: list[str], name: str, act: Callable[[], None]) -> None:
    try:
        act()
    except OSError:  # also ENOSPC: there is a limit for the attributes of one file
        failed.append(name)


@lru_cache(maxsize=4096)
def _uid_of(user: str, otherwise: int) -> int:
    try:
        return pwd.getpwnam(user).pw_uid if user else otherwise
    except (KeyError, ValueError):
        return otherwise


@lru_cache(maxsize=4096)
def _gid_of(group: str, otherwise: int) -> int:
    try:
        return grp.getgrnam(group).gr_gid if group else otherwise
    except (KeyError, ValueError):
        return otherwise
