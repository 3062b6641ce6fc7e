"""A table of chunks in memory, which grows."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path

from webapp.vault.ids import ID_BYTES
from webapp.vault.index_lookup import ROW, SEGMENT, Lookup
from webapp.vault.lumps import Lump
from webapp.vault.packs import PackInfo, read_catalogue

FEWEST_BITS, MOST_BITS = 8, 31
SPARE = 1024  # slots behind the last, so that a search never starts anew at the front


class Table(Lookup):
    """A table in memory that grows. One thread adds; any may ask meanwhile.

    Args:
        scratch: where a temporary file may go once there is much.
        expected: how many chunks will come, as far as that is known.
    """

    def __init__(self, scratch: Path | None = None, *, expected: int = 0) -> None:
        super().__init__()
        self.id_lump = Lump(scratch)
        self.id_lump.append(bytes(ID_BYTES))  # no chunk has the number 0
        self.segment_lump = Lump(scratch)
        self.bits = bits_for(expected)
        self.slots = new_slots(self.bits)
        self._settle()

    def read_id(self, number: int) -> bytes:
        return self.id_lump.read(number << 5, ID_BYTES)

    def read_ids(self, first: int, count: int) -> bytes:
        return self.id_lump.read(first * ID_BYTES, count * ID_BYTES)

    def read_segments(self, first: int, count: int) -> bytes:
        return self.segment_lump.read(first * SEGMENT.size, count * SEGMENT.size)

    def add(self, info: PackInfo) -> None:
        """Take in a pack, unless it is known."""
        if self.pack_of(info.name) is not None:
            return
        places, ids = read_catalogue(info.catalogue, where=info.object_name)
        first, segment = self.count + 1, self.segment_count
        packed = []
        number = first
        for place in places:
            packed.append(SEGMENT.pack(number, place.offset, place.length, place.raw_length))
            number += place.chunk_count
        self.segment_lump.append(b"".join(packed))
        self.segment_count += len(places)
        self.id_lump.append(ids)
        name = bytes.fromhex(info.name)
        self.rows += ROW.pack(name, info.salt, info.kind, info.size_bytes, first, segment)
        self.count = number - 1
        self.firsts.append(first)
        self._names[info.name] = len(self.firsts) - 1
        self._take(ids, first)

    def load(
        self, ids: Iterable[bytes], segments: Iterable[bytes], rows: bytes, slots: array[int]
    ) -> None:
        """Fill an empty table with the parts of another."""
        for piece in ids:
            self.id_lump.append(piece)
        for piece in segments:
            self.segment_lump.append(piece)
        self.rows = bytearray(rows)
        self.firsts = array("I", [row[4] for row in ROW.iter_unpack(rows)])
        self.count = self.id_lump.size // ID_BYTES - 1
        self.segment_count = self.segment_lump.size // SEGMENT.size
        self.slots, self.bits = slots, (len(slots) - SPARE).bit_length() - 1
        self._settle()

    def reserve(self, count: int) -> None:
        """Make room for this many chunks more, so that it need not be made step by step."""
        if bits_for(self.count + count) > self.bits:
            self._rehash(bits_for(self.count + count))

    def _take(self, ids: memoryview, first: int) -> None:
        if bits_for(self.count) > self.bits or not self._insert(self.slots, self.bits, ids, first):
            self._rehash(max(bits_for(self.count), self.bits))
        self._settle()

    def _rehash(self, bits: int) -> None:
        while True:
            slots, first = new_slots(bits), 1
            for piece in self.id_lump.pieces(ID_BYTES):
                if not self._insert(slots, bits, memoryview(piece), first):
                    break
                first += len(piece) // ID_BYTES
            else:
                break
            bits += 1
            if bits > MOST_BITS:
                raise OverflowError("more chunks than a local index can hold")
        self.slots, self.bits = slots, bits
        self._settle()

    def _settle(self) -> None:
        """Let those who ask see what is new, all at once."""
        mask = (1 << self.bits) - 1
        self.state = (self.slots, mask, 0xFFFFFFFF ^ mask, self.id_lump.view, 0, None)

    @staticmethod
    def _insert(slots: array[int], bits: int, ids: memoryview, first: int) -> bool:
        """Enter chunks; False if one fell beyond the end, and a larger table is needed."""
        mask = (1 << bits) - 1
        tags = 0xFFFFFFFF ^ mask
        try:
            for number, head in enumerate(ids.cast("Q")[::4].tolist(), first):
                at = head & mask
                while slots[at]:
                    at += 1
                slots[at] = number | (head >> 32 & tags)
        except IndexError:
            return False
        return slots[-1] == 0


def bits_for(count: int) -> int:
    """How large a table is good for this many chunks: at most two thirds of its slots are used."""
    bits = max((count * 3 // 2).bit_length(), FEWEST_BITS)
    if bits > MOST_BITS:
        raise OverflowError("more chunks than a local index can hold")
    return bits


def new_slots(bits: int) -> array[int]:
    return array("I", [0]) * ((1 << bits) + SPARE)
