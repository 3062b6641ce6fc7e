"""Bytes that grow: in memory at first, in a nameless temporary file once they are many."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

LIMIT_BYTES = 32 << 20  # this much lies in memory
PIECE_BYTES = 1 << 20


class Lump:
    """Append and read. One thread appends; any may read meanwhile. Where no file can be written,
    all stays in memory.

    Args:
        folder: where the temporary file goes; None leaves that to the system.

    Attributes:
        view: the bytes, while they lie in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.view: bytearray | None = bytearray()
        self.size = 0
        self._folder = folder
        self._file = -1
        self._may_spill = True

    def append(self, data: bytes | memoryview) -> None:
        try:
            if self.view is not None and self._may_spill and self.size + len(data) > LIMIT_BYTES:
                self._spill(self.view)
            if self.view is None:
                _write(self._file, data, self.size)
        except OSError:
            self._may_spill = False
            if self.view is None:
                self.view = bytearray(b"".join(self.pieces()))
        if self.view is not None:
            self.view += data
        self.size += len(data)

    def read(self, at: int, length: int) -> bytes:
        view = self.view
        if view is not None:
            return bytes(view[at : at + length])
        return os.pread(self._file, length, at)

    def pieces(self, at: int = 0) -> Iterator[bytes]:
        """All from *at* on, in pieces of a megabyte."""
        for start in range(at, self.size, PIECE_BYTES):
            yield self.read(start, min(PIECE_BYTES, self.size - start))

    def _spill(self, view: bytearray) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = _nameless(self._folder)
        weakref.finalize(self, os.close, file)
        _write(file, view, 0)
        self._file = file
        self.view = None


def _nameless(folder: Path | None) -> int:
    file, path = tempfile.mkstemp(prefix="lastgood-", suffix=".partial", dir=folder)
    os.unlink(path)
    return file


def _write(file: int, data: bytes | bytearray | memoryview, at: int) -> None:
    rest = memoryview(data)
    while rest:
        done = os.pwrite(file, rest, at)
        rest, at = rest[done:], at + done
