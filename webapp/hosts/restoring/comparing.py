"""What has to be done about an entry, by what the target has in its place. Changes nothing."""

from __future__ import annotations

import os

from blake3 import blake3

from webapp.hosts.facts import kind_of, xattrs
from webapp.hosts.restoring.facts import Facts
from webapp.hosts.restoring.folders import OpenFolders
from webapp.hosts.restoring.levels import Levels
from webapp.items import EntryKind, Fate, NotPlaced, StoredEntry

_DEVICES = {EntryKind.CHARACTER, EntryKind.BLOCK}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BLOCK = 1 << 20
_THINGS = {
    EntryKind.FILE: "a file",
    EntryKind.FOLDER: "a folder",
    EntryKind.SYMLINK: "a link",
    EntryKind.FIFO: "a FIFO",
    EntryKind.CHARACTER: "a device",
    EntryKind.BLOCK: "a device",
    None: "a socket",
}


class Comparing:
    """Compares.

    Args:
        by_content: read files of the right size, whatever their time is.
        doubtful: read also what was changed at or after this time (ns).
    """

    def __init__(
        self,
        levels: Levels,
        folders: OpenFolders | None,
        *,
        facts: Facts,
        by_content: bool,
        doubtful: int | None,
    ) -> None:
        self._levels = levels
        self._folders = folders
        self._facts = facts
        self._by_content = by_content
        self._doubtful = doubtful

    def fate(self, path: bytes, entry: StoredEntry, *, first: bytes) -> Fate:
        """Say what to do about *entry* at *path*.

        Args:
            first: where in the target the file is that it shares its content with, or empty.

        Raises:
            NotPlaced: nothing can be done.
            OSError: what is there cannot be looked at.
        """
        status = self._levels.status(path)
        if entry.kind in _DEVICES and not self._facts.is_root:
            raise NotPlaced("not_supported", "Only root can make a device.")
        if status is None:
            return Fate.CREATE
        live = kind_of(status.st_mode)
        if live is not entry.kind:
            if EntryKind.FOLDER in {live, entry.kind}:
                words = f"There is {_THINGS[live]} where the snapshot has {_THINGS[entry.kind]}."
                raise NotPlaced("type_differs", words)
            return Fate.UPDATE
        parent, _, name = path.rpartition(b"/")
        assert self._folders is not None
        folder = self._folders.there(parent)
        if self._differs(folder, name, entry, status=status, first=first):
            return Fate.UPDATE
        return self._mended(folder, name, entry, status)

    def _mended(self, folder: int, name: bytes, entry: StoredEntry, status: os.stat_result) -> Fate:
        """What to do about facts."""
        present = () if entry.kind is EntryKind.SYMLINK else xattrs(folder, name)
        others = self._facts.others_differ(entry, status, present)
        if not others and not self._facts.owner_differs(entry, status):
            return Fate.LEAVE
        # A file with other names might be one that nobody meant: it is replaced, not changed.
        # Whoever may not give files away would replace it each time, to no purpose.
        shared = entry.kind is EntryKind.FILE and status.st_nlink > 1
        return Fate.UPDATE if shared and (others or self._facts.is_root) else Fate.MEND

    def has_content(self, folder: int, name: bytes, entry: StoredEntry) -> bool:
        """Read a file, and say whether it has the digest that it should."""
        hasher, block = blake3(), bytearray(_BLOCK)
        try:
            file = os.open(name, _READ, dir_fd=folder)
        except OSError:
            return False
        try:
            while count := os.readv(file, [block]):
                hasher.update(memoryview(block)[:count])
        except OSError:
            return False
        finally:
            os.close(file)
        return hasher.digest() == entry.digest

    def _differs(
        self,
        folder: int,
        name: bytes,
        entry: StoredEntry,
        *,
        status: os.stat_result,
        first: bytes,
    ) -> bool:
        """Whether more than facts differs."""
        if entry.kind is EntryKind.SYMLINK:
            return os.readlink(name, dir_fd=folder) != entry.link_target
        if entry.kind in _DEVICES:
            return status.st_rdev != entry.device
        if entry.kind is not EntryKind.FILE:
            return False
        if status.st_size != entry.size or (first and not self._is_one_with(first, status)):
            return True
        return self._needs_reading(entry, status) and not self.has_content(folder, name, entry)

    def _needs_reading(self, entry: StoredEntry, status: os.stat_result) -> bool:
        """Whether size and time are not enough. Reading costs less than fetching and writing."""
        if self._by_content or entry.unsure or status.st_mtime_ns != entry.mtime_ns:
            return True
        return self._doubtful is not None and status.st_ctime_ns >= self._doubtful

    def _is_one_with(self, first: bytes, status: os.stat_result) -> bool:
        other = self._levels.lstat(first)
        return other is not None and os.path.samestat(other, status)
