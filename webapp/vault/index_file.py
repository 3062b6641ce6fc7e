"""A table of chunks as a file of the local cache: written once, put in place whole.

    head | mark of all that follows up to the sections | front | sections: ids, segments, slots

    front   marks (32 each) | covered index objects (16 each) | rows of packs

The head, the front and the slots are authenticated when the file is opened, ids and segments in
blocks of 64 KiB when they are first relied on: so opening costs the same however much there is.
Numbers are in the machine's own byte order, for the file never leaves it.
"""

from __future__ import annotations

import hmac
import mmap
import os
import struct
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from webapp.vault.ids import ID_BYTES
from webapp.vault.index_lookup import ROW, SEGMENT, Lookup
from webapp.vault.index_table import FEWEST_BITS, MOST_BITS, SPARE, Table

BLOCK_BYTES = 64 << 10
MAPPED_BYTES = 64 << 20  # ids up to this are mapped into memory; more are read one by one
_MAGIC = 0x0000_0002_4349_474C  # in another byte order it is another number
_HEAD = struct.Struct("=Q16s16sQQQIIB7x")
COVERED_BYTES = 16
_MARK_BYTES = 32


class Doubt(Exception):
    """The cache is not what was written. It is thrown away, and made anew."""


class Head(NamedTuple):
    """What a file says of itself.

    Attributes:
        identity: of this file.
        base: identity of the file that this one completes; zeros if none.
        generation: one more with each saving.
    """

    magic: int
    identity: bytes
    base: bytes
    generation: int
    chunks: int
    segments: int
    packs: int
    covered: int
    bits: int

    @property
    def sections(self) -> tuple[int, int, int]:
        """Lengths of ids, segments and slots."""
        slots = 4 * ((1 << self.bits) + SPARE)
        return (self.chunks + 1) * ID_BYTES, self.segments * SEGMENT.size, slots

    @property
    def front_bytes(self) -> int:
        marks = sum(map(_blocks, self.sections))
        return marks * _MARK_BYTES + self.covered * COVERED_BYTES + self.packs * ROW.size

    @property
    def file_bytes(self) -> int:
        return _HEAD.size + _MARK_BYTES + self.front_bytes + sum(self.sections)


NO_HEAD = Head(_MAGIC, bytes(16), bytes(16), 0, 0, 0, 0, 0, FEWEST_BITS)


class IndexFile(Lookup):
    """A table that lies in a file. Many threads and processes may have it open at once.

    Raises:
        FileNotFoundError: there is none.
        Doubt: it is not sound, or was not written by a holder of *key*.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        super().__init__()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self._key = key
        self.head = self._read_head()
        front = self._read_front()
        marks = sum(map(_blocks, self.head.sections)) * _MARK_BYTES
        rows_at = marks + self.head.covered * COVERED_BYTES
        names = front[marks:rows_at]
        self.covered = {names[at : at + COVERED_BYTES] for at in range(0, len(names), 16)}
        self.rows = bytearray(front[rows_at:])
        self.firsts = array("I", [row[4] for row in ROW.iter_unpack(self.rows)])
        self.count, self.segment_count = self.head.chunks, self.head.segments
        self._marks = front[:marks]
        self._lay_out()

    def read_id(self, number: int) -> bytes:
        try:
            return os.pread(self._file, ID_BYTES, self._ids_at + (number << 5))
        except OSError as error:
            raise Doubt(f"it cannot be read: {error}") from None

    def read_ids(self, first: int, count: int) -> bytes:
        for block in range(first >> 11, ((first + count - 1) >> 11) + 1):
            self.make_sure(block)
        return self._read(self._ids_at + first * ID_BYTES, count * ID_BYTES)

    def read_segments(self, first: int, count: int) -> bytes:
        start, length = first * SEGMENT.size, count * SEGMENT.size
        ids = _blocks(self.head.sections[0])
        for block in range(start // BLOCK_BYTES, (start + length - 1) // BLOCK_BYTES + 1):
            if not self._sure_segments[block]:
                self._block(1, block, ids + block)
                self._sure_segments[block] = 1
        return self._read(self._starts[1] + start, length)

    def make_sure(self, block: int) -> None:
        if not self._sure[block]:
            self._block(0, block, block)
            self._sure[block] = 1

    def pieces(self) -> tuple[Iterator[bytes], Iterator[bytes]]:
        """All ids and all segments, in order."""
        ids, segments, _ = map(_blocks, self.head.sections)
        return (
            (self._block(0, one, one)[0 if one else ID_BYTES :] for one in range(ids)),
            (self._block(1, one, ids + one) for one in range(segments)),
        )

    def _read_head(self) -> Head:
        try:
            head = Head(*_HEAD.unpack(self._read(0, _HEAD.size)))
        except struct.error:
            raise Doubt("it is cut short") from None
        if head.magic != _MAGIC or not FEWEST_BITS <= head.bits <= MOST_BITS:
            raise Doubt("it is no index of this release")
        if os.fstat(self._file).st_size != head.file_bytes:
            raise Doubt("its length is not what its head says")
        return head

    def _read_front(self) -> bytes:
        start = _HEAD.size + _MARK_BYTES
        front = self._read(start, self.head.front_bytes)
        mark = self._read(_HEAD.size, _MARK_BYTES)
        if not hmac.compare_digest(mark, _mark_front(self._key, self.head, (front,))):
            raise Doubt("its front is not what was written")
        return front

    def _lay_out(self) -> None:
        ids, segments, slots = self.head.sections
        self._ids_at = _HEAD.size + _MARK_BYTES + self.head.front_bytes
        self._starts = (self._ids_at, self._ids_at + ids, self._ids_at + ids + segments)
        self._sure = bytearray(_blocks(ids))
        self._sure_segments = bytearray(_blocks(segments))
        before = _blocks(ids) + _blocks(segments)
        for block in range(_blocks(slots)):
            self._block(2, block, before + block)
        self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        table = memoryview(self._map)[self._starts[2] :].cast("I")
        mask = (1 << self.head.bits) - 1
        view = self._map if ids <= MAPPED_BYTES else None
        self.state = (table, mask, 0xFFFFFFFF ^ mask, view, self._ids_at, self._sure)

    def _block(self, section: int, block: int, mark: int) -> bytes:
        """A block of a section, authenticated."""
        at = block * BLOCK_BYTES
        length = min(BLOCK_BYTES, self.head.sections[section] - at)
        data = self._read(self._starts[section] + at, length)
        expected = self._marks[mark * _MARK_BYTES : (mark + 1) * _MARK_BYTES]
        if not hmac.compare_digest(blake3(data, key=self._key).digest(), expected):
            raise Doubt("a block is not what was written")
        return data

    def _read(self, at: int, length: int) -> bytes:
        try:
            data = os.pread(self._file, length, at)
        except OSError as error:
            raise Doubt(f"it cannot be read: {error}") from None
        if len(data) != length:
            raise Doubt("it is cut short")
        return data


def peek(path: Path) -> Head:
    """What a file says of itself, not authenticated; ``NO_HEAD`` if it says nothing."""
    try:
        with path.open("rb") as file:
            head = Head(*_HEAD.unpack(file.read(_HEAD.size)))
    except (OSError, struct.error):
        return NO_HEAD
    return head if head.magic == _MAGIC else NO_HEAD


def write(path: Path, key: bytes, table: Table, *, covered: Iterable[bytes], head: Head) -> Head:
    """Write *table* to *path*, whole or not at all; return what it says of itself.

    Args:
        head: its identity, base and generation count; the rest is filled in.
    """
    names = sorted(covered)
    head = head._replace(
        chunks=table.count,
        segments=table.segment_count,
        packs=len(table.firsts),
        covered=len(names),
        bits=table.bits,
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.partial")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(file, "wb") as out:
            out.seek(_HEAD.size + _MARK_BYTES + head.front_bytes)
            marks = [mark for one in _sections(table) for mark in _put(out.write, key, one)]
            front = (b"".join(marks), b"".join(names), bytes(table.rows))
            out.seek(0)
            out.write(_HEAD.pack(*head) + _mark_front(key, head, front))
            out.writelines(front)
        partial.replace(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return head


def _sections(table: Table) -> tuple[Iterable[bytes | memoryview], ...]:
    slots = memoryview(table.slots).cast("B")
    step = BLOCK_BYTES
    cut = (slots[at : at + step] for at in range(0, len(slots), step))
    return table.id_lump.pieces(), table.segment_lump.pieces(), cut


def _put(
    write: Callable[[memoryview], object], key: bytes, pieces: Iterable[bytes | memoryview]
) -> Iterator[bytes]:
    """Write a section; yield the mark of each of its blocks."""
    for piece in pieces:
        view = memoryview(piece)
        for at in range(0, len(view), BLOCK_BYTES):
            block = view[at : at + BLOCK_BYTES]
            write(block)
            yield blake3(block, key=key).digest()


def _mark_front(key: bytes, head: Head, front: Iterable[bytes]) -> bytes:
    hasher = blake3(b"front of an index" + _HEAD.pack(*head), key=key)
    for part in front:
        hasher.update(part)
    return hasher.digest()


def _blocks(length: int) -> int:
    return -(-length // BLOCK_BYTES)
