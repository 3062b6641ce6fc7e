"""Copies chunks that are needed into new packs, and writes down what is in those."""

from __future__ import annotations

from collections.abc import Callable

from webapp.items import Tally
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import ID_BYTES, chunk_id
from webapp.vault.index_lookup import Location, PackRow
from webapp.vault.index_writer import IndexWriter
from webapp.vault.packs import DATA, MANIFEST, build_segment
from webapp.vault.pipeline import Pipeline, Segment
from webapp.vault.pruning.roots import Moved

_GROUP_BYTES = 1 << 20
_ALONE_BYTES = 512 << 10


class Copier:
    """Takes chunks and stores them anew. ``finish`` returns when all of it is durable and listed.

    Attributes:
        copied: how many chunks.
        stuck: ids of chunks that are needed and cannot be read where they lie.
        lost: ids of those that are in no pack at all.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._index: IndexWriter | None = None
        self._pipeline: Pipeline | None = None
        self._ids: list[bytes] = []
        self._chunks: list[bytes] = []
        self._bytes = 0
        self.copied = 0
        self.stuck: set[bytes] = set()
        self.lost: set[bytes] = set()

    def rescue(self, is_manifest: bool, identity: bytes) -> None:
        """Copy a chunk that is in no pack that counts out of one that does not."""
        if self._engine.stock.index.locate(identity) is None:
            self.lost.add(identity)
            return
        try:
            chunk = self._engine.chunks.whole(identity, is_manifest=is_manifest)
        except ObjectMissing:
            raise Moved("packs") from None
        except Damaged:
            self.stuck.add(identity)
            return
        self.take(MANIFEST if is_manifest else DATA, identity, chunk)

    def live_of(self, row: PackRow, first: int, *, is_live: Callable[[int], bool]) -> None:
        """Copy of a pack what is needed; what is damaged there, from wherever else it lies.

        Args:
            first: the number of its first chunk.

        Raises:
            Damaged: some of it can be read nowhere, so the pack must stay. All else was copied:
                nobody counted on the other places, which may be condemned as well.
        """
        places, ids = self._engine.stock.catalogue(row.name)
        at, damage = 0, None
        for counter, place in enumerate(places):
            wanted = [n for n in range(at, at + place.chunk_count) if is_live(first + n)]
            if wanted:
                where = Location(row, counter, place.offset, place.length, 0)
                found = [(n - at, bytes(ids[n * 32 : n * 32 + ID_BYTES])) for n in wanted]
                damage = self._copy(where, found) or damage
            at += place.chunk_count
        if damage is not None:
            raise damage

    def take(self, kind: bytes, identity: bytes, chunk: bytes) -> None:
        self.copied += 1
        if kind == MANIFEST or len(chunk) >= _ALONE_BYTES:
            self._add(Segment(kind, (identity,), build_segment((chunk,))))
            return
        self._ids.append(identity)
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._bytes >= _GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        self._flush()
        if self._pipeline is not None:
            self._pipeline.finish(_wait)
        if self._index is not None:
            self._index.flush()

    def abort(self) -> None:
        if self._pipeline is not None:
            self._pipeline.abort()

    def _copy(self, where: Location, wanted: list[tuple[int, bytes]]) -> Damaged | None:
        """Copy these chunks of a segment; return why some could not be, if that is so."""
        kind, ring = where.pack.kind, self._engine.ring
        key = ring.data_ids if kind == DATA else ring.manifest_ids
        damage: Damaged | None = None
        try:
            segment = self._engine.chunks.read_segment(where)
        except Damaged:
            segment = []
        for ordinal, identity in wanted:
            if ordinal < len(segment) and chunk_id(key, segment[ordinal]) == identity:
                self.take(kind, identity, bytes(segment[ordinal]))
                continue
            try:
                found = self._engine.chunks.whole(identity, is_manifest=kind == MANIFEST)
            except Damaged as error:
                damage = error
            else:
                self.take(kind, identity, found)
        return damage

    def _flush(self) -> None:
        if self._ids:
            self._add(Segment(DATA, self._ids, build_segment(self._chunks)))
            self._ids, self._chunks, self._bytes = [], [], 0

    def _add(self, segment: Segment) -> None:
        if self._pipeline is None:
            engine = self._engine
            self._index = IndexWriter(engine, Tally())
            self._pipeline = Pipeline(engine.ring, self._index.store, salts=engine.salt)
        self._pipeline.add(segment, _wait)


def _wait() -> None:
    """Nobody asks to be told while a thread is behind."""
