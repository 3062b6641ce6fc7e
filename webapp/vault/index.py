"""Where each chunk lies: the local index. A cache, never the truth.

It has two tables: ``base``, which lies in a file of the cache, and ``recent``, which grows. What
is found out to be wrong with the file is no answer: ``on_doubt`` fills the index anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from webapp.vault.index_file import Doubt, IndexFile
from webapp.vault.index_lookup import Location, Lookup, PackRow
from webapp.vault.index_table import Table
from webapp.vault.packs import PackInfo

__all__ = ["Index", "Location", "PackRow"]


class Index:
    """Chunk id to location. One thread adds; any may ask meanwhile.

    Args:
        on_doubt: called when the cache proves unsound; afterwards there is no base any more.
        scratch: where temporary files may go.

    Attributes:
        generation: grows when chunks get other numbers.
    """

    def __init__(
        self, on_doubt: Callable[[], None] | None = None, scratch: Path | None = None
    ) -> None:
        self._on_doubt = on_doubt or self._drop_base
        self.generation = 0
        self.scratch = scratch
        self.base: IndexFile | None = None
        self.recent = Table(scratch)
        self._tables: tuple[Lookup, ...] = (self.recent,)
        self._void: frozenset[str] = frozenset()
        self.gone: frozenset[str] = frozenset()

    def use(self, base: IndexFile | None, recent: Table | None = None) -> None:
        """Take other tables from now on."""
        self.generation += 1
        self.base = base
        self.recent = recent or self.recent
        both = (base, self.recent)
        tables = tuple(table for table in both if table is not None and len(table.firsts))
        self._tables = tables or (self.recent,)
        self.pass_over(self._void, gone=self.gone)

    def add(self, info: PackInfo) -> None:
        """Take in one pack, unless it is known."""
        if self.base is None or self.base.pack_of(info.name) is None:
            self.recent.add(info)
            if self.recent not in self._tables:
                self._tables = (*self._tables, self.recent)

    def pass_over(self, void: Collection[str], *, gone: Collection[str]) -> None:
        """Say which packs' chunks do not count. Of those that are *gone* nothing is found at all;
        of the others ``locate`` finds what lies nowhere else."""
        self._void, self.gone = frozenset(void), frozenset(gone)
        for table in self._tables:
            table.set_void(self._void | self.gone)

    @property
    def gone_chunks(self) -> int:
        """How many chunks of the base were in packs that went away."""
        return self.base.chunks_of(self.gone) if self.base is not None else 0

    def __contains__(self, identity: bytes) -> bool:
        """Whether a chunk is in a pack that counts."""
        try:
            for table in self._tables:
                if table.find(identity):
                    return True
        except Doubt:
            self._on_doubt()
            return identity in self
        return False

    def number(self, identity: bytes) -> int:
        """A chunk's number among all, from 1, in a pack that counts; 0 if it is in none. Valid for
        this ``generation``."""
        try:
            before = 0
            for table in self._tables:
                if number := table.find(identity):
                    return before + number
                before += table.count
        except Doubt:
            self._on_doubt()
            return self.number(identity)
        return 0

    def numbered(self) -> Iterator[tuple[str, int, int]]:
        """Each pack's name, the number of its first chunk and of the first behind its last."""
        before = 0
        for table in self._tables:
            for name, first, end in table.numbered():
                yield name, before + first, before + end
            before += table.count

    def __len__(self) -> int:
        return sum(table.count for table in self._tables)

    def locate(self, identity: bytes) -> Location | None:
        try:
            return self._locate(identity)
        except Doubt:
            self._on_doubt()
            return self.locate(identity)

    def places(self, identity: bytes) -> list[Location]:
        """All places of a chunk, those that count first."""
        try:
            found = [
                table.location(number)
                for table in self._tables
                for number in table.matches(identity)
            ]
        except Doubt:
            self._on_doubt()
            return self.places(identity)
        there = [one for one in found if one.pack.name not in self.gone]
        return sorted(there, key=lambda one: one.pack.name in self._void)

    def names(self) -> set[str]:
        """Of all packs that are known."""
        return {name for name, _ in self.sizes()}

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all packs that are known."""
        return (pair for table in self._tables for pair in table.sizes())

    def rows(self) -> Iterator[PackRow]:
        return (row for table in self._tables for row in table.all_rows())

    def info(self, pack_name: str) -> PackInfo | None:
        """All that is known of a pack."""
        try:
            for table in self._tables:
                pack = table.pack_of(pack_name)
                if pack is not None:
                    return table.info(pack)
            return None
        except Doubt:
            self._on_doubt()
            return self.info(pack_name)

    def _locate(self, identity: bytes) -> Location | None:
        for table in self._tables:
            number = table.find(identity)
            if number:
                return table.location(number)
        for table in self._tables if self._void or self.gone else ():
            for number in table.matches(identity):
                found = table.location(number)
                if found.pack.name not in self.gone:
                    return found
        return None

    def _drop_base(self) -> None:
        self.use(None)
