"""Takes chunks, stores those that the vault lacks, and gives references back."""

from __future__ import annotations

from collections.abc import Callable

from webapp.vault.ids import chunk_id, make_ref
from webapp.vault.packs import DATA, MANIFEST
from webapp.vault.pipeline import Pipeline, Segment
from webapp.vault.stock import Stock

_GROUP_BYTES = 1 << 20
_ALONE_BYTES = 512 << 10


class ChunkStore:
    """Deduplicates and groups chunks into segments.

    Args:
        start: makes the pipeline; called only if there is something to store.
        waiting: called now and then while the pipeline is behind.
    """

    def __init__(
        self,
        stock: Stock,
        *,
        data_key: bytes,
        manifest_key: bytes,
        start: Callable[[], Pipeline],
        waiting: Callable[[], None],
    ) -> None:
        self._index = stock.index
        self._doomed = stock.doomed()
        self._data_key = data_key
        self._manifest_key = manifest_key
        self._start = start
        self._waiting = waiting
        self._fresh: set[bytes] = set()
        self._ids: list[bytes] = []
        self._chunks: list[bytes] = []
        self._bytes = 0
        self.pipeline: Pipeline | None = None

    def has(self, identity: bytes) -> bool:
        """Whether a chunk may be relied on: in a pack that is there and not condemned."""
        return identity in self._index and identity not in self._doomed

    def data(self, chunk: bytes) -> bytes:
        """Store a piece of a file; return its reference."""
        identity = chunk_id(self._data_key, chunk)
        if not self.has(identity) and identity not in self._fresh:
            self._fresh.add(identity)
            if len(chunk) >= _ALONE_BYTES:
                self._add(Segment(DATA, (identity,), (chunk,), len(chunk)))
            else:
                self._group(identity, chunk)
        return make_ref(identity, len(chunk))

    def manifest(self, chunk: bytes) -> bytes:
        """Store a piece of a manifest, or a list of references; return its reference."""
        identity = chunk_id(self._manifest_key, chunk)
        if not self.has(identity) and identity not in self._fresh:
            self._fresh.add(identity)
            self._add(Segment(MANIFEST, (identity,), (chunk,), len(chunk)))
        return make_ref(identity, len(chunk))

    def finish(self) -> None:
        """Return when all of it is durable."""
        self._flush()
        if self.pipeline is not None:
            self.pipeline.finish(self._waiting)

    def abort(self) -> None:
        if self.pipeline is not None:
            self.pipeline.abort()

    def _group(self, identity: bytes, chunk: bytes) -> None:
        self._ids.append(identity)
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._ids:
            self._add(Segment(DATA, self._ids, self._chunks, self._bytes))
            self._ids, self._chunks, self._bytes = [], [], 0

    def _add(self, segment: Segment) -> None:
        if self.pipeline is None:
            self.pipeline = self._start()
        self.pipeline.add(segment, self._waiting)
