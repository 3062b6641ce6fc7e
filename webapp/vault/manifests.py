"""Manifests: the sorted rows of a snapshot, cut into chunks where the paths themselves say so.

A manifest chunk is ``count (4) | count × end offset (4) | rows``. It is cut behind a path whose
keyed checksum ends in zeros, so that an unchanged stretch of a tree gives the same chunk again. The
root names each chunk's first path: one level, one path or one subtree is found without the rest.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import sub
from typing import NamedTuple

from webapp.items import sort_key
from webapp.vault import rows
from webapp.vault.errors import Damaged

SMALLEST_BYTES = 64 << 10
LARGEST_BYTES = 1 << 20
_CUT_MASK = 0x1FF
_PART = struct.Struct("<36sII")
_COUNT = struct.Struct("<I")


class Part(NamedTuple):
    """One manifest chunk, as the root names it."""

    ref: bytes
    row_count: int
    first_path: bytes


class ManifestBuilder:
    """Collects rows and gives away whole chunks.

    Args:
        seed: 32 secret bytes that decide where to cut.
        store: takes a chunk and returns its reference.
    """

    def __init__(self, seed: bytes, store: Callable[[bytes], bytes]) -> None:
        self.parts: list[Part] = []
        self._start = zlib.crc32(seed)
        self._store = store
        self._rows: list[bytes] = []
        self._bytes = 0
        self._first = b""

    def add(self, path: bytes, row: bytes) -> None:
        if not self._rows:
            self._first = path
        self._rows.append(row)
        self._bytes += len(row)
        if self._bytes >= SMALLEST_BYTES and (
            not zlib.crc32(path, self._start) & _CUT_MASK or self._bytes >= LARGEST_BYTES
        ):
            self.flush()

    def flush(self) -> None:
        """Give away what is left."""
        if not self._rows:
            return
        ends, at = [], 0
        for row in self._rows:
            at += len(row)
            ends.append(at)
        table = struct.pack(f"<I{len(ends)}I", len(ends), *ends)
        ref = self._store(table + b"".join(self._rows))
        self.parts.append(Part(ref, len(ends), self._first))
        self._rows, self._bytes = [], 0


def pack_parts(parts: list[Part]) -> bytes:
    """``count (4)``, then for each part ``ref (36) | rows (4) | path length (4) | path``."""
    packed = [_COUNT.pack(len(parts))]
    for part in parts:
        packed.append(_PART.pack(part.ref, part.row_count, len(part.first_path)) + part.first_path)
    return b"".join(packed)


def unpack_parts(data: bytes, *, where: str) -> list[Part]:
    try:
        (count,) = _COUNT.unpack_from(data)
        parts, at = [], _COUNT.size
        for _ in range(count):
            ref, row_count, length = _PART.unpack_from(data, at)
            at += _PART.size
            parts.append(Part(ref, row_count, data[at : at + length]))
            at += length
    except struct.error:
        raise Damaged(where, "its list of manifest chunks is malformed") from None
    return parts


def split_rows(data: bytes, *, where: str) -> list[bytes]:
    """The rows of a manifest chunk."""
    ends, at = row_ends(data, where)
    found, start = [], at
    for end in ends:
        found.append(data[start : at + end])
        start = at + end
    return found


def row_ends(data: bytes, where: str) -> tuple[tuple[int, ...], int]:
    """Where the rows of a manifest chunk end, counted from the first, and where that begins."""
    try:
        (count,) = _COUNT.unpack_from(data)
        ends = struct.unpack_from(f"<{count}I", data, _COUNT.size)
    except struct.error:
        raise Damaged(where, "its table of rows is malformed") from None
    at = _COUNT.size * (count + 1)
    if not ends or at + ends[-1] != len(data):
        raise Damaged(where, "its rows do not add up")
    if min(map(sub, ends, (0, *ends))) < rows.SMALLEST_BYTES:
        raise Damaged(where, "a row is too short")
    return ends, at


class Manifest:
    """Reads a stored manifest.

    Args:
        fetch: gives the data of a manifest chunk, by reference.
    """

    def __init__(self, parts: list[Part], fetch: Callable[[bytes], bytes], where: str) -> None:
        self._parts = parts
        self._keys = [sort_key(part.first_path) for part in parts]
        self._fetch = fetch
        self._where = where
        self._latest: tuple[int, list[bytes]] = (-1, [])

    def rows(self) -> Iterator[bytes]:
        for number in range(len(self._parts)):
            yield from self._load(number)

    def rows_from(self, key: bytes) -> Iterator[bytes]:
        """All rows whose path sorts at or after *key*."""
        first = max(bisect_right(self._keys, key) - 1, 0)
        for number in range(first, len(self._parts)):
            found = self._load(number)
            start = _first_at(found, key) if number == first else 0
            yield from found[start:] if start else found

    def between(self, first: bytes, last: bytes | None) -> list[Part]:
        """The chunks that can hold paths whose sort key is at or after *first* and, unless it is
        None, before *last*."""
        start = max(bisect_right(self._keys, first) - 1, 0)
        end = len(self._keys) if last is None else bisect_left(self._keys, last)
        return self._parts[start:end]

    def find(self, path: bytes) -> bytes | None:
        key = sort_key(path)
        row = next(self.rows_from(key), None)
        return row if row is not None and rows.row_path(row) == path else None

    def under(self, path: bytes) -> Iterator[bytes]:
        """The row of *path* and all below it; of everything if *path* is empty."""
        if not path:
            yield from self.rows()
            return
        key, below = sort_key(path), path + b"/"
        for row in self.rows_from(key):
            found = rows.row_path(row)
            if found != path and not found.startswith(below):
                return
            yield row

    def children(self, folder: bytes) -> Iterator[bytes]:
        """One level below *folder*, skipping what lies deeper."""
        prefix = folder + b"/" if folder else b""
        ahead = self.rows_from(sort_key(prefix) if prefix else b"")
        row = next(ahead, None)
        while row is not None:
            path = rows.row_path(row)
            if not path.startswith(prefix):
                return
            child, slash, _ = path[len(prefix) :].partition(b"/")
            if not slash:
                yield row
                row = next(ahead, None)
            if row is not None and rows.row_path(row).startswith(prefix + child + b"/"):
                # What lies deeper is skipped, also where the folder has no row of its own.
                ahead = self.rows_from(sort_key(prefix + child) + b"\x01")
                row = next(ahead, None)

    def _load(self, number: int) -> list[bytes]:
        at, found = self._latest
        if at != number:
            found = split_rows(self._fetch(self._parts[number].ref), where=self._where)
            self._latest = (number, found)
        return found


def _first_at(found: list[bytes], key: bytes) -> int:
    return bisect_left(found, key, key=lambda row: sort_key(rows.row_path(row)))
