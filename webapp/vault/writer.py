"""One backup, from the first look at the vault to the finished snapshot: steps W1 to W6.

W1  see what is there: condemned packs first, then packs, then the index
W2  store packs and index objects
W3  put ``pending/ID``, the whole root
W4  see again: condemned first, then packs; every chunk the snapshot needs must still be safe
W5  what is not is copied out of the condemned pack, and W4 is repeated
W6  put ``snapshots/ID``, look for ``revoked/ID``, remove ``pending/ID``

Time decides nothing here but cost. No locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from webapp.items import EntrySource, Json, Report, Tally, is_safe, key_of, sort_key
from webapp.vault import catalogues, manifests, processes
from webapp.vault.capturing import Capture
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.config import Config
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import (
    BadSource,
    Damaged,
    ObjectExists,
    ObjectMissing,
    SnapshotRevoked,
    StorageError,
    VaultError,
)
from webapp.vault.hooks import Hooks
from webapp.vault.matching import Match
from webapp.vault.packs import PackInfo
from webapp.vault.parents import ParentRows
from webapp.vault.pipeline import Pipeline
from webapp.vault.progress import Progress
from webapp.vault.reader import ChunkReader
from webapp.vault.rescue import copy_out
from webapp.vault.snapshots import FINISHED, PENDING, Roots, Snapshot, moment, seal_root
from webapp.vault.stock import Stock
from webapp.vault.storage.base import Storage

_PACKS_PER_INDEX = 64
_CHUNKS_PER_INDEX = 250_000
_INDEX_SECONDS = 300.0
_ROUNDS = 5
_RETRY_SECONDS = (0.5, 2.0, 8.0)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The parts of an open vault that a writer, a reader and a check work with."""

    storage: Storage
    ring: KeyRing
    config: Config
    stock: Stock
    roots: Roots
    chunks: ChunkReader
    hooks: Hooks


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to back up and how.

    Attributes:
        parent: a snapshot's id, ``"auto"`` for the newest of this name, None to read everything.
        verify: open each sealed segment again before it is stored.
    """

    source: EntrySource
    report: Report
    name: str
    reason: str = ""
    metadata: Json = field(default_factory=dict)
    parent: str | None = "auto"
    match: Match = Match.FULL
    verify: bool = True
    on_progress: Callable[[Tally], None]


@dataclass(frozen=True, kw_only=True)
class BackupResult:
    snapshot: Snapshot
    tally: Tally


class Backup:
    """Carries out one ``Order``."""

    def __init__(self, engine: Engine, order: Order) -> None:
        self._engine = engine
        self._order = order
        self._progress = Progress(order.on_progress, engine.hooks.monotonic)
        self._id = engine.hooks.random_bytes(16).hex()
        self._unindexed: list[PackInfo] = []
        self._unindexed_since = 0.0
        self._store: ChunkStore

    def run(self) -> BackupResult:
        engine = self._engine
        engine.stock.refresh()
        self._unindexed = list(engine.stock.unindexed)
        self._store = self._open_store()
        try:
            parts = self._capture()
            self._store.finish()
        except BaseException:
            self._store.abort()
            raise
        self._write_index()
        self._progress.now()
        return BackupResult(snapshot=self._publish(parts), tally=self._progress.tally)

    # W2

    def _open_store(self) -> ChunkStore:
        ring, random_bytes = self._engine.ring, self._engine.hooks.random_bytes
        return ChunkStore(
            self._engine.stock,
            data_key=ring.data_ids,
            manifest_key=ring.manifest_ids,
            start=lambda: Pipeline(
                ring, self._stored, salts=lambda: random_bytes(32), verify=self._order.verify
            ),
            waiting=self._progress.wait,
        )

    def _capture(self) -> list[manifests.Part]:
        order, seed = self._order, self._engine.ring.cuts
        builder = manifests.ManifestBuilder(seed, self._store.manifest)
        parent = ParentRows(self._parent_rows())
        capture = Capture(
            source=order.source,
            report=order.report,
            store=self._store,
            chunks=self._engine.chunks,
            progress=self._progress,
            match=order.match,
            time_ns=self._engine.hooks.time_ns,
        )
        last, tally = b"", self._progress.tally
        for entry in order.source.entries():
            path = entry.path
            key = sort_key(path)
            old = parent.at(key)
            if key <= last or (old is None and not is_safe(path)):
                raise BadSource(f"{key_of(path)}: out of order, or not a path")
            last, tally.current = key, path
            row = capture.row(entry, old)
            if row is not None:
                builder.add(path, row)
            self._progress.step()
        builder.flush()
        return builder.parts

    def _parent_rows(self) -> Iterator[bytes]:
        """Rows of the parent; none if there is no parent or it was cut by another chunker."""
        parent = self._parent
        if parent is None or parent.chunkers != self._engine.config.chunkers:
            return
        name = FINISHED + parent.id
        parts = self._engine.roots.parts(name)
        try:
            yield from manifests.Manifest(parts, self._engine.chunks.manifest, name).rows()
        except (Damaged, ObjectMissing) as error:
            self._order.report.note(f"The previous snapshot is damaged, reading anew: {error}")

    @property
    def _parent(self) -> Snapshot | None:
        wanted = self._order.parent
        if wanted is None:
            return None
        if wanted != "auto":
            return self._engine.roots.one(wanted)
        return self._newest(self._order.name)

    def _newest(self, name: str | None = None) -> Snapshot | None:
        found = self._engine.roots.finished()
        return next((one for one in found if name is None or one.name == name), None)

    def _stored(self, info: PackInfo, data: memoryview) -> None:
        """Called in the storing thread with each finished pack."""
        with suppress(ObjectExists):  # the same name is the same bytes
            self._engine.storage.put(info.object_name, data)
        self._engine.stock.add(info)
        self._progress.tally.stored_bytes += len(data)
        now = self._engine.hooks.monotonic()
        if not self._unindexed:
            self._unindexed_since = now
        self._unindexed.append(info)
        is_due = now - self._unindexed_since >= _INDEX_SECONDS
        if len(self._unindexed) >= _PACKS_PER_INDEX or is_due:
            self._write_index()

    def _write_index(self) -> None:
        """Write down what is in the packs so far, so that a killed run resumes by dedup."""
        engine = self._engine
        while self._unindexed:
            batch = _take(self._unindexed)
            name, length = catalogues.write(
                engine.storage,
                engine.ring,
                batch,
                identity=engine.hooks.random_bytes(16),
                salt=engine.hooks.random_bytes(32),
            )
            engine.stock.cover(name)
            self._progress.tally.stored_bytes += length

    # W3 to W6

    def _publish(self, parts: list[manifests.Part]) -> Snapshot:
        snapshot = self._describe()
        self._put_root(snapshot, parts, PENDING)
        for _ in range(_ROUNDS):
            if not self._rescue(parts):
                break
        else:
            raise VaultError("A prune kept removing what this backup needs. Run it again.")
        self._put_root(snapshot, parts, FINISHED)
        self._check_revoked()
        self._remove_pending()
        return snapshot

    def _describe(self) -> Snapshot:
        engine, order = self._engine, self._order
        newest, predecessor = self._newest(), self._newest(order.name)
        sequence = max((one.sequence for one in engine.roots.pending()), default=0)
        sequence = max(sequence, newest.sequence if newest else 0) + 1
        created_ns = self._stamp(newest)
        facts = order.source.facts()
        parent = self._parent
        return Snapshot(
            id=self._id,
            name=order.name,
            sequence=sequence,
            created_at=moment(created_ns),
            created_ns=created_ns,
            reason=order.reason,
            metadata={**order.metadata, "facts": dict(facts)} if facts else order.metadata,
            counts=_counts(self._progress.tally),
            predecessor=predecessor.id if predecessor else "",
            predecessor_hash=engine.roots.digest(FINISHED + predecessor.id) if predecessor else "",
            writer=processes.identity(),
            chunkers=engine.config.chunkers,
            parent=parent.id if parent else "",
        )

    def _stamp(self, newest: Snapshot | None) -> int:
        """The storage's time, never before the newest snapshot's."""
        now = self._engine.storage.now_ns()
        if newest is None or now > newest.created_ns:
            return now
        self._order.report.note(
            "The vault's clock is behind its newest snapshot; that snapshot's time is used."
        )
        return newest.created_ns + 1

    def _put_root(self, snapshot: Snapshot, parts: list[manifests.Part], folder: str) -> None:
        salt = self._engine.hooks.random_bytes(32)
        data = seal_root(self._engine.ring, snapshot, parts, folder=folder, salt=salt)
        put_surely(self._engine.storage, folder + snapshot.id, data, sleep=self._engine.hooks.sleep)

    def _rescue(self, parts: list[manifests.Part]) -> bool:
        """W4 and W5: copy out of condemned packs what this snapshot needs; say if there was any."""
        stock = self._engine.stock
        before = stock.present - stock.condemned
        stock.refresh()
        if before <= stock.present - stock.condemned:
            return False  # no pack was condemned or went away since W1
        self._store = self._open_store()
        try:
            copied = copy_out(parts, self._engine.chunks, self._store)
            self._store.finish()
        except BaseException:
            self._store.abort()
            raise
        self._write_index()
        return copied > 0

    def _check_revoked(self) -> None:
        storage = self._engine.storage
        name = catalogues.REVOKED + self._id
        if any(item.name == name for item in storage.list(name)):
            with suppress(ObjectMissing):
                storage.delete(FINISHED + self._id)
            raise SnapshotRevoked("The vault took this backup for dead. Run it again.")

    def _remove_pending(self) -> None:
        """Remove our own pending root, and those of dead writers of this name on this machine."""
        storage, roots = self._engine.storage, self._engine.roots
        for one in roots.pending():
            dead = one.name == self._order.name and processes.is_dead(one.writer)
            if one.id == self._id or dead:
                with suppress(StorageError):
                    storage.delete(PENDING + one.id)
                roots.forget(PENDING + one.id)


def put_surely(storage: Storage, name: str, data: bytes, *, sleep: Callable[[float], None]) -> None:
    """Put *data*; where the outcome is unknown, repeat with the same name and bytes.

    Raises:
        StorageError: it failed for good, or *name* holds something else.
    """
    for wait in (*_RETRY_SECONDS, None):
        try:
            storage.put(name, data)
            return
        except ObjectExists:
            if storage.get(name) != data:
                raise
            return
        except StorageError as error:
            if wait is None or not error.retryable:
                raise
            sleep(wait)


def _take(waiting: list[PackInfo]) -> list[PackInfo]:
    """Remove from *waiting*, in place, as many packs as one index object should list."""
    batch: list[PackInfo] = []
    size = 0
    while waiting and len(batch) < _PACKS_PER_INDEX and size < 32 * _CHUNKS_PER_INDEX:
        batch.append(waiting.pop())
        size += len(batch[-1].catalogue)
    return batch


def _counts(tally: Tally) -> dict[str, int]:
    found: dict[str, Any] = asdict(replace(tally, current=b""))
    return {name: value for name, value in found.items() if isinstance(value, int)}
