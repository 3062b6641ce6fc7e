"""Making what has no content: folders, links, FIFOs, devices; and mending facts."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from webapp.hosts.beneath import open_beneath
from webapp.hosts.restoring.facts import Facts
from webapp.hosts.restoring.files import Names, remove, take
from webapp.hosts.restoring.folders import Opened
from webapp.items import EntryKind, Fate, NotPlaced, StoredEntry

_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_NO_LINK = {errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOENT}
Spot = tuple[int, bytes]  # an open folder and a name in it


class Making:
    """Makes and mends, and says what could not be set."""

    def __init__(self, facts: Facts, names: Names) -> None:
        self._facts = facts
        self._names = names

    def make(self, folder: Opened, name: bytes, entry: StoredEntry, fate: Fate) -> list[str]:
        """Do *fate*. A folder gets its facts when it is settled."""
        if entry.kind is EntryKind.FOLDER:
            self._open_up(folder.descriptor, name, fate)
            return []
        if fate is Fate.MEND:
            return self._set(folder.descriptor, name, entry)
        temporary = self._names()
        try:
            _new_node(folder.descriptor, temporary, entry)
            lacks = self._set(folder.descriptor, temporary, entry)
            take(folder.descriptor, temporary, name)
        except BaseException:
            remove(folder.descriptor, temporary)
            raise
        return lacks

    def link(self, first: Spot, spot: Spot, entry: StoredEntry) -> bool:
        """Give *first* a second name; False if it is not the file that is meant."""
        (above, first_name), (folder, name) = first, spot
        temporary = self._names()
        try:
            if not _is_meant(os.stat(first_name, dir_fd=above, follow_symlinks=False), entry):
                return False
            os.link(
                first_name, temporary, src_dir_fd=above, dst_dir_fd=folder, follow_symlinks=False
            )
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        try:
            take(folder, temporary, name)
        finally:
            remove(folder, temporary)  # a name is left over where both were one file already
        return True

    def settle(self, root: int, path: bytes, entry: StoredEntry) -> list[str]:
        """Give a folder its facts; all that is to be in it is there."""
        folder = open_beneath(root, path, _FOLDER)
        try:
            return self._facts.set(folder, entry, os.fstat(folder))
        finally:
            os.close(folder)

    def _open_up(self, above: int, name: bytes, fate: Fate) -> None:
        """Make a folder, or see that we may work in one that is there. Root may in any."""
        if fate is Fate.CREATE:
            os.mkdir(name, 0o700, dir_fd=above)
        elif not self._facts.is_root:
            folder = os.open(name, _HANDLE | os.O_DIRECTORY, dir_fd=above)
            try:
                mode = stat.S_IMODE(os.fstat(folder).st_mode)
                if mode & 0o700 != 0o700:
                    with suppress(PermissionError):
                        os.chmod(b"/proc/self/fd/%d" % folder, mode | 0o700)
            finally:
                os.close(folder)

    def _set(self, folder: int, name: bytes, entry: StoredEntry) -> list[str]:
        if entry.kind is EntryKind.SYMLINK:
            return self._facts.set_link(folder, name, entry)
        # By way of a descriptor, so that what takes its place meanwhile is neither followed
        # nor changed.
        handle = os.open(name, _HANDLE, dir_fd=folder)
        try:
            status = os.fstat(handle)
            changed = stat.S_ISLNK(status.st_mode) or stat.S_ISDIR(status.st_mode)
            shared = status.st_nlink > 1 and entry.kind is EntryKind.FILE and self._facts.is_root
            if changed or shared:
                raise NotPlaced("target_changed", "Something took its place meanwhile.")
            return self._facts.set(b"/proc/self/fd/%d" % handle, entry, status)
        finally:
            os.close(handle)


def _is_meant(status: os.stat_result, entry: StoredEntry) -> bool:
    same = (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
    return same and stat.S_ISREG(status.st_mode)


def _new_node(folder: int, name: bytes, entry: StoredEntry) -> None:
    if entry.kind is EntryKind.SYMLINK:
        os.symlink(entry.link_target, name, dir_fd=folder)
    elif entry.kind is EntryKind.FIFO:
        os.mkfifo(name, 0o600, dir_fd=folder)
    else:
        sort = stat.S_IFCHR if entry.kind is EntryKind.CHARACTER else stat.S_IFBLK
        os.mknod(name, sort | 0o600, entry.device, dir_fd=folder)
