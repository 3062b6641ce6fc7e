"""Which ranges of which packs have to be fetched, and who waits for what is in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from webapp.vault.index import Location, PackRow

GAP_BYTES = 256 << 10
LARGEST_BYTES = 16 << 20


class Taker(NamedTuple):
    """One place that a chunk goes to.

    Attributes:
        ordinal: the chunk's number in its segment.
        file: what takes it.
        position: where in the file's data it goes.
    """

    ordinal: int
    ref: bytes
    file: Any
    position: int


@dataclass(slots=True)
class Need:
    """A segment of which some chunks are needed."""

    counter: int
    offset: int
    length: int
    takers: list[Taker] = field(default_factory=list)


@dataclass(slots=True)
class Range:
    """A stretch of a pack that is fetched at once."""

    pack: PackRow
    needs: list[Need]

    @property
    def offset(self) -> int:
        return self.needs[0].offset

    @property
    def length(self) -> int:
        last = self.needs[-1]
        return last.offset + last.length - self.offset


def _any(_: Need) -> bool:
    return True


class Needs:
    """What is needed of a vault, gathered pack by pack.

    Args:
        locate: tells where a chunk lies; None if nowhere.
    """

    def __init__(self, locate: Callable[[bytes], Location | None]) -> None:
        self._locate = locate
        self._packs: dict[str, tuple[PackRow, dict[int, Need]]] = {}
        self.count = 0

    def add(self, ref: bytes, file: Any, position: int) -> bool:
        """Let *file* wait for a chunk; False if the vault has it nowhere."""
        place = self._locate(ref[:32])
        if place is None:
            return False
        pack = place.pack
        held = self._packs.get(pack.name)
        if held is None:
            held = self._packs[pack.name] = (pack, {})
        need = held[1].get(place.offset)
        if need is None:
            need = held[1][place.offset] = Need(place.counter, place.offset, place.length)
        need.takers.append(Taker(place.ordinal, ref, file, position))
        self.count += 1
        return True

    def ranges(
        self,
        wanted: Callable[[Need], bool] = _any,
        *,
        largest: int | None = None,
        most_takers: int = sys.maxsize,
    ) -> Iterator[Range]:
        """Pack after pack in the order in which they came up, each from its start to its end.

        Args:
            wanted: which segments are meant.
            largest: bytes in one range.
            most_takers: who wait for one, if it is of more than one segment.
        """
        for pack, segments in self._packs.values():
            needs = [segments[offset] for offset in sorted(segments)]
            found = [need for need in needs if wanted(need)]
            yield from _coalesced(pack, found, largest or LARGEST_BYTES, most_takers)

    def keep(self, wanted: Callable[[Need], bool]) -> None:
        """Forget all other segments."""
        for _, segments in self._packs.values():
            for offset in [at for at, need in segments.items() if not wanted(need)]:
                self.count -= len(segments.pop(offset).takers)


def _coalesced(pack: PackRow, needs: list[Need], largest: int, most_takers: int) -> Iterator[Range]:
    """Join what lies close together: a small gap costs less than another request."""
    some: list[Need] = []
    takers = 0
    for need in needs:
        if some:
            gap = need.offset - (some[-1].offset + some[-1].length)
            whole = need.offset + need.length - some[0].offset
            takers += len(need.takers)
            if gap > GAP_BYTES or whole > largest or takers > most_takers:
                yield Range(pack, some)
                some = []
        if not some:
            takers = len(need.takers)
        some.append(need)
    if some:
        yield Range(pack, some)
