"""The files of the local index: ``base`` holds most, ``recent`` what came since.

What they say never becomes wrong: a pack's name is the digest of its bytes, so what is in it is so
for ever, and whether it is still there is looked up. An older file is therefore as true as the
newest, it only says less. Both are put in place whole, and several processes may use one folder:
who finds that another has saved more leaves that as it is.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from webapp.vault import catalogues, index_file
from webapp.vault.derivation import KeyRing
from webapp.vault.index import Index
from webapp.vault.index_file import NO_HEAD, Doubt, Head, IndexFile
from webapp.vault.index_lookup import Lookup
from webapp.vault.index_table import Table

RECENT_CHUNKS = 1 << 16
_RECENT_SHARE = 8
_GONE_SHARE = 4
_STALE_SECONDS = 86_400
State = tuple[int, frozenset[str]]


class Loaded(NamedTuple):
    base: IndexFile | None
    recent: Table | None
    covered: set[str]


class IndexCache:
    """Keeps the index between two processes.

    Args:
        folder: where the files go; None keeps nothing.
    """

    def __init__(self, folder: Path | None, ring: KeyRing) -> None:
        self.folder = folder
        self._name = ring.vault_id.hex()
        self._key = ring.cache
        self._base = self._recent = NO_HEAD
        self._saved: State = (0, frozenset())

    def load(self) -> Loaded:
        """What the files hold, as far as they are sound and belong together."""
        base = self._open("index")
        self._base = base.head if base is not None else NO_HEAD
        covered = set(base.covered) if base is not None else set()
        found, recent = self._open("recent"), None
        if found is not None and found.head.base == self._base.identity:
            recent, self._recent = self._into_memory(found), found.head
            if recent is not None:
                covered |= found.covered
        names = {catalogues.FOLDER + one.hex() for one in covered}
        self._saved = (recent.count if recent else 0, frozenset(names))
        return Loaded(base, recent, names)

    def save(self, index: Index, covered: Collection[str], *, loose: Collection[str]) -> None:
        """Write down what is new. A failure costs time later, nothing else.

        Args:
            loose: packs that no index object lists. They are left out: somebody must yet find them.
        """
        state = (index.recent.count, frozenset(covered))
        if self.folder is None or (state == self._saved and not _is_wasteful(index)):
            return
        names = {bytes.fromhex(name.removeprefix(catalogues.FOLDER)) for name in covered}
        with suppress(OSError):
            self._sweep(self.folder)
            try:
                if _is_wasteful(index) or index.recent.count > _most_recent(index):
                    self._save_base(index, names, loose)
                else:
                    self._save_recent(index, names, loose)
            except Doubt:
                self.discard()
        self._saved = (index.recent.count, frozenset(covered))

    def discard(self) -> None:
        """Remove the files: something is wrong with them."""
        self._remove("index", "recent")
        self._base = self._recent = NO_HEAD
        self._saved = (0, frozenset())

    def _save_base(self, index: Index, covered: set[bytes], loose: Collection[str]) -> None:
        """Put everything into a new base, without the packs that went away."""
        if self._peek("index").identity != self._base.identity:
            return  # another process made one meanwhile
        tables = [table for table in (index.base, index.recent) if table is not None]
        if index.base is None and not loose and not index.gone:
            table = index.recent
        else:
            table = rebuilt(tables, without={*loose, *index.gone}, scratch=self.folder)
        kept = rebuilt((index.recent,), only=loose, scratch=self.folder)
        self._base = self._write("index", table, covered, base=bytes(16))
        self._recent = NO_HEAD
        self._remove("recent")
        index.use(IndexFile(self._path("index"), self._key), kept)

    def _save_recent(self, index: Index, covered: set[bytes], loose: Collection[str]) -> None:
        if self._peek("index").identity != self._base.identity:
            return
        there = self._peek("recent")
        is_newer = there.generation > self._recent.generation
        if is_newer and there.base == self._base.identity and there.chunks >= index.recent.count:
            return
        table = index.recent
        if any(table.pack_of(name) is not None for name in loose):
            table = rebuilt((table,), without=loose, scratch=self.folder)
        known = index.base.covered if index.base is not None else set()
        self._recent = self._write("recent", table, covered - known, base=self._base.identity)

    def _write(self, kind: str, table: Table, covered: set[bytes], *, base: bytes) -> Head:
        generation = max(self._peek(kind).generation, self._recent.generation) + 1
        head = NO_HEAD._replace(identity=os.urandom(16), base=base, generation=generation)
        return index_file.write(self._path(kind), self._key, table, covered=covered, head=head)

    def _open(self, kind: str) -> IndexFile | None:
        if self.folder is None:
            return None
        try:
            return IndexFile(self._path(kind), self._key)
        except Doubt:
            self._remove(kind)
        except OSError:
            pass  # there is none, or none that can be read
        return None

    def _into_memory(self, file: IndexFile) -> Table | None:
        try:
            return restored(file, scratch=self.folder)
        except Doubt:
            return None

    def _remove(self, *kinds: str) -> None:
        for kind in kinds:
            with suppress(OSError):
                self._path(kind).unlink()

    def _peek(self, kind: str) -> Head:
        """What a file says of itself, not authenticated: enough to leave it alone."""
        return index_file.peek(self._path(kind))

    def _path(self, kind: str) -> Path:
        return (self.folder or Path()) / f"{self._name}.{kind}"

    def _sweep(self, folder: Path) -> None:
        """Remove what killed processes left."""
        for path in folder.glob(f"{self._name}.*.partial"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()


def restored(file: IndexFile, *, scratch: Path | None) -> Table:
    """A table in memory with all that *file* holds.

    Raises:
        Doubt: it is not sound.
    """
    table = Table(scratch, expected=0)
    ids, segments = file.pieces()
    table.load(ids, segments, bytes(file.rows), array("I", bytes(file.state[0])))
    return table


def rebuilt(
    tables: Iterable[Lookup],
    *,
    only: Collection[str] | None = None,
    without: Collection[str] = (),
    scratch: Path | None,
) -> Table:
    """A new table of the packs of others, each pack once.

    Raises:
        Doubt: one of them lies in a file that is not sound.
    """
    tables = list(tables)
    expected = sum(table.count for table in tables) if only is None else 0
    made = Table(scratch, expected=expected)
    for table in tables:
        for pack, (name, _) in enumerate(table.sizes()):
            if name not in without and (only is None or name in only):
                made.add(table.info(pack))
    return made


def _most_recent(index: Index) -> int:
    """How many chunks may be in the recent table before it is worth making a new base."""
    return max(RECENT_CHUNKS, index.base.count // _RECENT_SHARE if index.base else 0)


def _is_wasteful(index: Index) -> bool:
    """Whether much of the base is of packs that went away."""
    return index.base is not None and index.gone_chunks * _GONE_SHARE > index.base.count
