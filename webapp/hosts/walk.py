"""Walking a folder: every entry once, in the order of ``items.sort_key``.

Sorting the names of each folder as bytes, and going into a subfolder before the next name, gives
that order, since ``/`` counts as less than any byte of a name.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from webapp.hosts.beneath import open_quietly
from webapp.hosts.facts import describe
from webapp.items import Entry, Report, Sighting, key_of, path_to_text

OUR_TEMPORARY = re.compile(rb"\.lastgood-[0-9a-f]{32}-[0-9]+\.part", re.DOTALL)
"""Names of what a live restore has not finished; never captured, compared or planned."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_MOST_OPEN = 100
_DOT = ord(".")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a walk leaves out.

    Attributes:
        excluded: asked with the path relative to the root; a folder is left out with all below.
        hidden: relative paths that belong to another part of the source.
        closed: ``(device, inode)`` of folders that must not be gone into: our own data.
        marked: asked with each open folder and its names which of them says that nothing else in
            it is worth keeping; empty if none does.
        one_device: folders where another file system is mounted are not gone into.
    """

    excluded: Callable[[bytes], bool] | None = None
    hidden: frozenset[bytes] = frozenset()
    closed: frozenset[tuple[int, int]] = frozenset()
    marked: Callable[[int, list[bytes]], bytes] | None = None
    one_device: bool = False

    def leave_out(self, path: bytes) -> bool:
        """Say whether *path*, or a folder that it lies in, is left out by name."""
        parts = path.split(b"/")
        above = [b"/".join(parts[: count + 1]) for count in range(len(parts))]
        if not self.hidden.isdisjoint(above):
            return True
        return self.excluded is not None and any(map(self.excluded, above))


@dataclass(slots=True)
class _Level:
    """One folder on the way down, and the names still to come in it.

    Attributes:
        prefix: what its names are joined to, for a path relative to the root.
        full: the same in the stream.
    """

    path: bytes
    prefix: bytes
    full: bytes
    folder: int
    identity: tuple[int, int]
    names: Iterator[bytes]


@dataclass(kw_only=True)
class Walk:
    """One walk below an open root folder.

    Attributes:
        root: descriptor of the root, kept by the caller.
        section: first part of every entry's path, such as ``b"tree"``.
        left_out: relative paths that were there and not yielded, for whoever must know.
    """

    root: int
    section: bytes
    rules: Rules
    report: Report
    left_out: list[bytes] = field(default_factory=list)
    _links: dict[tuple[int, ...], bytes] = field(default_factory=dict)
    _levels: list[_Level] = field(default_factory=list)
    _device: int = -1

    def __post_init__(self) -> None:
        self._asks = bool(self.rules.hidden or self.rules.excluded)

    def entries(self, start: bytes = b"") -> Iterator[Entry]:
        """Yield what is below *start*, a folder relative to the root; not *start* itself."""
        for found in self.sightings(start):
            entry = self._described(found) if isinstance(found, tuple) else found
            if entry is not None:
                yield entry

    def sightings(self, start: bytes = b"") -> Iterator[Entry | Sighting]:
        """The same, with sightings for regular files that have one name."""
        try:
            self._enter(start)
            while self._levels:
                level = self._levels[-1]
                for name in level.names:
                    found = self._one(level, name)
                    if found is not None:
                        yield found
                    if self._levels[-1] is not level:
                        break  # that was a folder, and comes first
                else:
                    self._leave()
        finally:
            while self._levels:
                self._leave()

    def _one(self, level: _Level, name: bytes) -> Entry | Sighting | None:
        if (self._asks or name[0] == _DOT) and self._is_left_out(level.prefix + name, name):
            return None
        try:
            folder = level.folder if level.folder >= 0 else self._opened(level)
            status = os.lstat(name, dir_fd=folder)
            if status.st_nlink == 1 and stat.S_ISREG(status.st_mode):
                return level.full + name, status, folder, name
            entry = describe(level.full + name, status, folder=folder, name=name)
        except OSError as error:
            self._failed(level.prefix + name, error)
            return None
        return self._special(level.prefix + name, entry, status)

    def _special(self, path: bytes, entry: Entry | None, status: os.stat_result) -> Entry | None:
        if entry is None:
            self._skipped(path, "is_socket", "A socket has no content to keep.")
        elif stat.S_ISDIR(status.st_mode):
            return entry if self._goes_into(path, status) else None
        elif status.st_nlink > 1 and stat.S_ISREG(status.st_mode):
            entry.hardlink = self._first(status, entry.path)
        return entry

    def _described(self, sighting: Sighting) -> Entry | None:
        path, status, folder, name = sighting
        try:
            return describe(path, status, folder=folder, name=name)
        except OSError as error:
            self._failed(path[len(self.section) + 1 :], error)
            return None

    def _is_left_out(self, path: bytes, name: bytes) -> bool:
        rules = self.rules
        if path in rules.hidden or (name[:1] == b"." and OUR_TEMPORARY.fullmatch(name)):
            self.left_out.append(path)
            return True
        if rules.excluded is not None and rules.excluded(path):
            self.left_out.append(path)
            return True
        return False

    def _goes_into(self, path: bytes, status: os.stat_result) -> bool:
        """Enter a folder if it may be entered; say whether it is an entry of the stream."""
        if (status.st_dev, status.st_ino) in self.rules.closed:
            self._skipped(path, "inside_own_data", "It lies inside the data folder or a vault.")
            return False
        if status.st_dev != self._device:
            if self.rules.one_device:
                self._skipped(path, "other_file_system", "Another file system is mounted there.")
                return True
            self.report.note(f"{key_of(self._full(path))} is on another file system; included.")
        try:
            self._enter(path)
        except OSError as error:
            self._failed(path, error)
            return error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
        return True

    def _enter(self, path: bytes) -> None:
        if len(self._levels) >= _MOST_OPEN:
            self._close(self._levels[-_MOST_OPEN])
        if self._levels:
            name = path.rpartition(b"/")[2]
            folder = open_quietly(self._opened(self._levels[-1]), name, _FOLDER)
        else:
            folder = open_quietly(self.root, path, _FOLDER)
        try:
            status = os.fstat(folder)
            names = self._wanted(folder, path)
        except OSError:
            os.close(folder)
            raise
        self._device = status.st_dev
        identity = (status.st_dev, status.st_ino)
        prefix = path + b"/" if path else b""
        full = self._full(path) + b"/"
        self._levels.append(_Level(path, prefix, full, folder, identity, iter(names)))

    def _wanted(self, folder: int, path: bytes) -> list[bytes]:
        names = _names(folder)
        mark = self.rules.marked(folder, names) if self.rules.marked else b""
        if not mark:
            return names
        told = path_to_text(mark)
        self._skipped(path, "marked", f"Of this folder only {told} is kept, as it asks for.")
        return [mark]

    def _leave(self) -> None:
        self._close(self._levels.pop())
        if self._levels:
            self._device = self._levels[-1].identity[0]

    def _opened(self, level: _Level) -> int:
        """The level's descriptor; opened again if it was given up on the way down."""
        if level.folder < 0:
            folder = open_quietly(self.root, level.path, _FOLDER)
            status = os.fstat(folder)
            if (status.st_dev, status.st_ino) != level.identity:
                os.close(folder)
                raise FileNotFoundError(errno.ENOENT, "another folder has taken its place")
            level.folder = folder
        return level.folder

    def _close(self, level: _Level) -> None:
        if level.folder >= 0:
            os.close(level.folder)
            level.folder = -1

    def _first(self, status: os.stat_result, path: bytes) -> bytes:
        first = self._links.setdefault(identity(status), path)
        return b"" if first is path else first

    def _full(self, path: bytes) -> bytes:
        return self.section + b"/" + path if path else self.section

    def _skipped(self, path: bytes, code: str, message: str) -> None:
        self.left_out.append(path)
        self.report.skipped(key_of(self._full(path)), code, message)

    def _failed(self, path: bytes, error: OSError) -> None:
        self.left_out.append(path)
        code, message = reason(error)
        # What its owner has removed meanwhile is no fault; the vault says the same of content.
        tell = self.report.skipped if code == "vanished" else self.report.failed
        tell(key_of(self._full(path)), code, message)


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Equal for the names of one file. Its inode number alone could be that of one that went, and
    a file that changed between its names is to be read once more."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


def _names(folder: int) -> list[bytes]:
    """The sorted names in an open folder, made bytes all at once."""
    found = os.listdir(folder)
    return sorted(os.fsencode("\0".join(found)).split(b"\0")) if found else []


_REASONS = {
    errno.ENOENT: ("vanished", "It was there when its folder was listed, and gone when read."),
    errno.ENOTDIR: ("vanished", "Another thing took its place while it was read."),
    errno.ELOOP: ("vanished", "A link took its place while it was read."),
    errno.EISDIR: ("vanished", "Another thing took its place while it was read."),
    errno.EACCES: ("not_allowed", "The backup user may not read it."),
    errno.EPERM: ("not_allowed", "The backup user may not read it."),
}


def reason(error: OSError) -> tuple[str, str]:
    """The code and the sentence for what went wrong while reading."""
    known = _REASONS.get(error.errno or 0)
    return known or ("read_error", f"It could not be read: {error.strerror or error}.")
