"""Where each chunk lies: a table in memory, filled from catalogues. A cache, never the truth."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import NamedTuple

from webapp.vault.ids import ID_BYTES
from webapp.vault.packs import FOLDER, PackInfo, read_catalogue


class Location(NamedTuple):
    """A chunk's place: the *ordinal*-th chunk of the *counter*-th segment of a pack."""

    pack: PackRow
    counter: int
    offset: int
    length: int
    ordinal: int


class PackRow(NamedTuple):
    name: str
    salt: bytes
    kind: bytes
    size_bytes: int
    first_segment: int

    @property
    def object_name(self) -> str:
        return FOLDER + self.name


class Index:
    """Chunk id to location. One thread adds; any may ask meanwhile."""

    def __init__(self) -> None:
        self.packs: dict[str, PackRow] = {}
        self._rows: list[PackRow] = []
        self._chunks: dict[bytes, int] = {}
        self._total = 0
        self._segment_pack = array("I")
        self._segment_offset = array("I")
        self._segment_length = array("I")
        self._segment_first = array("Q")

    def add(self, info: PackInfo) -> None:
        """Take in one pack. Chunks that are known already are found in this one from now on."""
        if info.name in self.packs:
            return
        places, ids = read_catalogue(info.catalogue, where=info.object_name)
        row = PackRow(info.name, info.salt, info.kind, info.size_bytes, len(self._segment_first))
        first = self._total
        for place in places:
            self._segment_pack.append(len(self._rows))
            self._segment_offset.append(place.offset)
            self._segment_length.append(place.length)
            self._segment_first.append(self._total)
            self._total += place.chunk_count
        self._rows.append(row)
        self.packs[info.name] = row
        raw = bytes(ids)
        keys = [raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES)]
        self._chunks.update(zip(keys, range(first, self._total), strict=True))

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._chunks

    def __len__(self) -> int:
        return len(self._chunks)

    def locate(self, identity: bytes) -> Location | None:
        number = self._chunks.get(identity)
        if number is None:
            return None
        segment = bisect_right(self._segment_first, number) - 1
        row = self._rows[self._segment_pack[segment]]
        return Location(
            row,
            segment - row.first_segment,
            self._segment_offset[segment],
            self._segment_length[segment],
            number - self._segment_first[segment],
        )
