"""Sources for the tests of the vault: one in memory, one that reads a folder."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from webapp.items import Entry, EntryKind, Json, sort_key

LONG_AGO = 1_600_000_000_000_000_000


@dataclass
class Notes:
    """A ``Report`` that remembers."""

    failures: list[tuple[str, str]] = field(default_factory=list)
    skips: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def failed(self, key: str, code: str, message: str) -> None:
        self.failures.append((key, code))

    def skipped(self, key: str, code: str, message: str) -> None:
        self.skips.append((key, code))

    def note(self, message: str) -> None:
        self.lines.append(message)


def file(path: bytes, **facts: object) -> Entry:
    """A regular file, old enough to be trusted."""
    known: dict = {"mode": 0o644, "mtime_ns": LONG_AGO, "ctime_ns": LONG_AGO, "inode": 7} | facts
    return Entry(path=path, kind=EntryKind.FILE, **known)


def folder(path: bytes) -> Entry:
    return Entry(path=path, kind=EntryKind.FOLDER, mode=0o755, mtime_ns=LONG_AGO)


class MemorySource:
    """Entries with content, as bytes or as a function that opens it."""

    def __init__(self, *items: tuple[Entry, bytes | Callable[[], BinaryIO]] | Entry) -> None:
        pairs = [item if isinstance(item, tuple) else (item, b"") for item in items]
        self.pairs = sorted(pairs, key=lambda pair: sort_key(pair[0].path))
        self._contents = {entry.path: content for entry, content in pairs}
        self.opened: list[bytes] = []
        self.known: dict[str, Json] = {}

    def entries(self) -> Iterator[Entry]:
        for entry, content in self.pairs:
            if entry.kind is EntryKind.FILE and isinstance(content, bytes):
                entry.size = len(content)
            yield entry

    def open(self, entry: Entry) -> BinaryIO:
        self.opened.append(entry.path)
        content = self._contents.get(entry.path, b"")
        return io.BytesIO(content) if isinstance(content, bytes) else content()

    def facts(self) -> dict[str, Json]:
        return self.known

    def close(self) -> None:
        """Nothing to give back."""


class FolderSource:
    """A folder of this machine, below ``tree``."""

    def __init__(self, root: Path | str) -> None:
        self._root = os.fsencode(root)

    def entries(self) -> Iterator[Entry]:
        yield from self._entry(self._root, b"tree", {})

    def _entry(
        self, real: bytes, path: bytes, seen: dict[tuple[int, int], bytes]
    ) -> Iterator[Entry]:
        entry = self._facts(real, path, seen)
        yield entry
        if entry.kind is EntryKind.FOLDER:
            for name in sorted(os.listdir(real)):
                yield from self._entry(real + b"/" + name, path + b"/" + name, seen)

    def _facts(self, real: bytes, path: bytes, seen: dict[tuple[int, int], bytes]) -> Entry:
        found = os.lstat(real)
        entry = Entry(
            path=path,
            kind=_kind(found.st_mode),
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            mtime_ns=found.st_mtime_ns,
            ctime_ns=found.st_ctime_ns,
            inode=found.st_ino,
        )
        if entry.kind is EntryKind.FILE:
            entry.size = found.st_size
            if found.st_nlink > 1:
                first = seen.setdefault((found.st_dev, found.st_ino), path)
                entry.hardlink = first if first != path else b""
        if entry.kind is EntryKind.SYMLINK:
            entry.link_target = os.readlink(real)
        return entry

    def open(self, entry: Entry) -> BinaryIO:
        real = self._root + entry.path.removeprefix(b"tree")
        return os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)

    def facts(self) -> dict[str, Json]:
        return {}

    def close(self) -> None:
        """Nothing to give back."""


def _kind(mode: int) -> EntryKind:
    if stat.S_ISDIR(mode):
        return EntryKind.FOLDER
    if stat.S_ISLNK(mode):
        return EntryKind.SYMLINK
    if stat.S_ISFIFO(mode):
        return EntryKind.FIFO
    return EntryKind.FILE
