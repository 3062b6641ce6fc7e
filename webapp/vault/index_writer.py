"""Stores packs, and writes down in index objects what is in them."""

from __future__ import annotations

import threading
from contextlib import suppress

from webapp.items import Tally
from webapp.vault import catalogues, removing, unfinished
from webapp.vault.engine import Engine
from webapp.vault.errors import ObjectExists, VaultError
from webapp.vault.packs import PackInfo

_PACKS_PER_INDEX = 64
_CATALOGUE_BYTES_PER_INDEX = 4 << 20  # five copies are made on its way
_SECONDS = 300.0


class IndexWriter:
    """An index object every 64 packs or 5 minutes, so that a killed run resumes by dedup.

    Takes over the packs that no index object lists: some earlier writer was killed.

    Args:
        announces: no root needs these packs until we have finished, so prunes are told of them.
    """

    def __init__(self, engine: Engine, tally: Tally, *, announces: bool = False) -> None:
        self._engine = engine
        self._tally = tally
        self._waiting = engine.stock.loose()
        self._since = engine.hooks.monotonic()
        self._lock = threading.RLock()
        self._announces = announces
        self._announced: list[str] = []
        self._run = b""

    def store(self, info: PackInfo, data: memoryview) -> None:
        """Make a finished pack durable; called in the pipeline's storing threads."""
        with suppress(ObjectExists):  # the same name is the same bytes
            self._engine.storage.put(info.object_name, data)
        with self._lock:
            self._note(info, len(data))

    def flush(self) -> None:
        """Write down all packs that wait for it."""
        engine = self._engine
        with self._lock:
            self._since = engine.hooks.monotonic()
            while batch := self._take():
                name, size_bytes = catalogues.write(
                    engine.storage, engine.ring, batch, identity=engine.new_id(), salt=engine.salt()
                )
                engine.stock.cover(name, [info.name for info in batch])
                self._tally.stored_bytes += size_bytes

    def finish(self) -> None:
        """A root needs these packs now: prunes need not be told any more."""
        for name in self._announced:
            with suppress(VaultError):  # what cannot be removed here, a prune removes
                removing.remove(self._engine.storage, name)
        self._announced = []

    def _note(self, info: PackInfo, size_bytes: int) -> None:
        self._engine.stock.add(info)
        self._tally.stored_bytes += size_bytes
        self._waiting.append(info.name)
        is_due = self._engine.hooks.monotonic() - self._since >= _SECONDS
        if len(self._waiting) >= _PACKS_PER_INDEX or is_due:
            if self._announces:
                self._announce()
            self.flush()

    def _announce(self) -> None:
        self._run = self._run or self._engine.new_id()
        name = unfinished.announce(self._engine, self._waiting, run=self._run)
        self._announced.append(name)

    def _take(self) -> list[PackInfo]:
        """As many of the waiting packs as one index object should list."""
        batch: list[PackInfo] = []
        size = 0
        while self._waiting and len(batch) < _PACKS_PER_INDEX and size < _CATALOGUE_BYTES_PER_INDEX:
            info = self._engine.stock.info(self._waiting.pop())
            if info is not None:
                batch.append(info)
                size += len(info.catalogue)
        return batch
