"""What a table of chunks answers: for each id the pack and the place in it. 42 bytes a chunk.

Chunks are numbered from 1 in the order of packs. ``slots`` is an open hash table of uint32: the
low bits of an entry are a chunk's number, the bits that the number leaves free repeat bits of the
id, so that the ids themselves are rarely compared in vain. A chunk that lies in two packs has two
entries; those in packs that do not count are passed over. Ids are keyed digests: nobody without
the key can choose where they fall.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from webapp.vault.ids import ID_BYTES
from webapp.vault.packs import FOLDER, PackInfo, Place, build_catalogue

ROW = struct.Struct("=32s32sc3xIII")  # name, salt, kind, size, first chunk, first segment
SEGMENT = struct.Struct("=IIII")  # first chunk, offset, length, raw length
_HEAD = struct.Struct("=Q24x").unpack
_NEAR = 1024
View = bytearray | mmap.mmap
State = tuple[Sequence[int], int, int, View | None, int, bytearray | None]


class PackRow(NamedTuple):
    name: str
    salt: bytes
    kind: bytes
    size_bytes: int
    first_segment: int

    @property
    def object_name(self) -> str:
        return FOLDER + self.name


class Location(NamedTuple):
    """A chunk's place: the *ordinal*-th chunk of the *counter*-th segment of a pack."""

    pack: PackRow
    counter: int
    offset: int
    length: int
    ordinal: int


class Lookup:
    """What can be asked of a table, wherever its parts lie.

    Attributes:
        rows: one ``ROW`` for each pack, in the order of their chunks.
        count: how many chunks there are, those in two packs twice.
    """

    def __init__(self) -> None:
        self.rows = bytearray()
        self.firsts = array("I")
        self.count = 0
        self.segment_count = 0
        self.state: State = (b"\0", 0, 0, bytearray(), 0, None)
        self._names: dict[str, int] = {}
        self._void: tuple[list[int], list[int]] | None = None
        self._near: dict[int, tuple[PackRow, list[tuple[int, ...]]]] = {}

    def read_id(self, number: int) -> bytes:
        """One id, as it lies there: ``make_sure`` of it first."""
        raise NotImplementedError

    def read_ids(self, first: int, count: int) -> bytes:
        """Ids of chunks by number."""
        raise NotImplementedError

    def read_segments(self, first: int, count: int) -> bytes:
        raise NotImplementedError

    def make_sure(self, block: int) -> None:
        """Authenticate a block of ids that a file holds; raises ``Doubt`` if it is not sound."""
        raise NotImplementedError

    def find(self, identity: bytes) -> int:
        """The number of a chunk in a pack that counts; 0 if there is none. This is the hot path."""
        slots, mask, tags, view, origin, sure = self.state
        (head,) = _HEAD(identity)
        at = head & mask
        tag = head >> 32 & tags
        while entry := slots[at]:
            if entry & tags == tag:
                number = entry & mask
                if sure is not None and not sure[number >> 11]:
                    self.make_sure(number >> 11)
                start = origin + (number << 5)
                one = view[start : start + ID_BYTES] if view is not None else self.read_id(number)
                if one == identity and (self._void is None or self._counts(number)):
                    return number
            at += 1
        return 0

    def matches(self, identity: bytes) -> Iterator[int]:
        """The numbers of a chunk in all packs, whether they count or not."""
        slots, mask, tags = self.state[:3]
        (head,) = _HEAD(identity)
        at = head & mask
        tag = head >> 32 & tags
        while entry := slots[at]:
            if entry & tags == tag and self.read_ids(entry & mask, 1) == identity:
                yield entry & mask
            at += 1

    def location(self, number: int) -> Location:
        pack = bisect_right(self.firsts, number) - 1
        row, segments = self._near.get(pack) or self._look_near(pack)
        at = bisect_right(segments, (number, 1 << 32)) - 1
        first, offset, length, _ = segments[at]
        return Location(row, at, offset, length, number - first)

    def row(self, pack: int) -> PackRow:
        name, salt, kind, size_bytes, _, segment = ROW.unpack_from(self.rows, pack * ROW.size)
        return PackRow(name.hex(), salt, kind, size_bytes, segment)

    def all_rows(self) -> Iterator[PackRow]:
        return map(self.row, range(len(self.firsts)))

    def pack_of(self, name: str) -> int | None:
        """Which of the rows is that of a pack."""
        if len(self._names) < len(self.firsts):
            self._names = {
                row[0].hex(): n for n, row in enumerate(ROW.iter_unpack(bytes(self.rows)))
            }
        return self._names.get(name)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Name and size of each pack; of a copy, or the rows could not grow meanwhile."""
        return ((row[0].hex(), row[3]) for row in ROW.iter_unpack(bytes(self.rows)))

    def ids(self, pack: int) -> bytes:
        """The ids of a pack's chunks, in order."""
        first, end = self._chunks(pack)
        return self.read_ids(first, end - first) if end > first else b""

    def places(self, pack: int) -> list[Place]:
        """Where a pack's segments lie."""
        segments = self._segments(pack)
        end = (self._chunks(pack)[1], 0, 0, 0)
        return [
            Place(offset, length, raw, following[0] - first)
            for (first, offset, length, raw), following in pairwise([*segments, end])
        ]

    def info(self, pack: int) -> PackInfo:
        row, ids = self.row(pack), self.ids(pack)
        return PackInfo(
            name=row.name,
            salt=row.salt,
            kind=row.kind,
            size_bytes=row.size_bytes,
            catalogue=build_catalogue(self.places(pack), (ids,)),
        )

    def set_void(self, names: Iterable[str]) -> None:
        """Pass over the chunks of these packs from now on."""
        spans = self._spans(names)
        self._void = ([one[0] for one in spans], [one[1] for one in spans]) if spans else None

    def chunks_of(self, names: Iterable[str]) -> int:
        """How many chunks these packs hold, as far as they are known."""
        return sum(end - first for first, end in self._spans(names))

    def numbered(self) -> Iterator[tuple[str, int, int]]:
        """Each pack's name, the number of its first chunk and of the first behind its last."""
        for pack, (name, _) in enumerate(self.sizes()):
            yield (name, *self._chunks(pack))

    def _spans(self, names: Iterable[str]) -> list[tuple[int, int]]:
        known = (self.pack_of(name) for name in names)
        return sorted(self._chunks(pack) for pack in known if pack is not None)

    def _counts(self, number: int) -> bool:
        starts, ends = self._void or ([], [])
        at = bisect_right(starts, number) - 1
        return at < 0 or number >= ends[at]

    def _chunks(self, pack: int) -> tuple[int, int]:
        """The number of a pack's first chunk, and of the first behind its last."""
        last = pack + 1 == len(self.firsts)
        return self.firsts[pack], self.count + 1 if last else self.firsts[pack + 1]

    def _segments(self, pack: int) -> list[tuple[int, ...]]:
        first = ROW.unpack_from(self.rows, pack * ROW.size)[5]
        end = self.segment_count
        if pack + 1 < len(self.firsts):
            end = ROW.unpack_from(self.rows, (pack + 1) * ROW.size)[5]
        if first == end:
            return []
        return list(SEGMENT.iter_unpack(self.read_segments(first, end - first)))

    def _look_near(self, pack: int) -> tuple[PackRow, list[tuple[int, ...]]]:
        found = self.row(pack), self._segments(pack)
        if len(self._near) >= _NEAR:
            self._near = {}
        self._near[pack] = found
        return found
