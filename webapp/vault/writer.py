"""One backup, from the first look at the vault to the finished snapshot: steps W1 to W6.

W1  see what is there: condemned packs first, then packs, then the index
W2  store packs and index objects
W3  put ``pending/ID``, the whole root
W4  see again: condemned first, then packs; every chunk the snapshot needs must still be safe
W5  what is not is copied out of the condemned pack, else read from the source again; then W3, W4
W6  put ``snapshots/ID``, look for ``revoked/ID``, remove ``pending/ID``

Time decides nothing here but cost. No locks. W3 to W6 are in ``publishing``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from webapp.items import PlaceSource
from webapp.vault import manifests, self_test
from webapp.vault.capturing import Capture
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.crew.crew import Crew, Desk
from webapp.vault.crew.hand import Craft
from webapp.vault.engine import BackupResult, Engine, Order
from webapp.vault.errors import Damaged, Lacking, ObjectMissing, StorageUnavailable
from webapp.vault.index_writer import IndexWriter
from webapp.vault.packs import HALF_BYTES
from webapp.vault.parents import ParentRows
from webapp.vault.pipeline import Pipeline
from webapp.vault.progress import Progress
from webapp.vault.publishing import Publisher
from webapp.vault.reports import CountedReport
from webapp.vault.snapshots import FINISHED, Snapshot
from webapp.vault.stream import EntryStream

_MORE_TRIES = 4


class Backup:
    """Carries out one ``Order``."""

    def __init__(self, engine: Engine, order: Order) -> None:
        self_test.passed()
        engine.stock.refresh()
        self._reliance = engine.stock.rely()
        self._engine = engine
        self._order = order
        self._progress = Progress(order.on_progress, engine.hooks.monotonic)
        self._report = CountedReport.of(order.report)
        self._report.count_in(self._progress.tally)
        self._index = IndexWriter(engine, self._progress.tally, announces=True)
        self._parent = self._find_parent()
        self._store = self._open_store()
        self._crew = self._find_crew()

    def run(self) -> BackupResult:
        publisher = self._publisher(self._stored(self._parent_rows()))
        try:
            for _ in range(_MORE_TRIES):
                try:
                    return self._published(publisher)
                except Lacking:
                    self._begin_again()
                    again = self._stored(self._rows_of(publisher.parts))
                    publisher = self._publisher(again, earlier=publisher.snapshot_id)
            return self._published(publisher)
        except StorageUnavailable:
            raise
        except BaseException:
            publisher.withdraw(publisher.snapshot_id)
            publisher.withdraw(publisher.earlier)
            raise

    def _published(self, publisher: Publisher) -> BackupResult:
        tally = self._progress.tally
        return BackupResult(snapshot=publisher.publish(tally), tally=tally)

    def _stored(self, known: Iterator[bytes]) -> list[manifests.Part]:
        """Read what is not in the *known* rows, or not stored any more; return the manifest."""
        try:
            parts = self._capture(known)
            self._store.finish()
        except BaseException:
            if self._crew is not None:
                self._crew.abort()
            self._store.abort()
            raise
        self._index.flush()
        self._progress.sum_up()
        return parts

    def _publisher(self, parts: list[manifests.Part], *, earlier: str = "") -> Publisher:
        return Publisher(
            engine=self._engine,
            order=self._order,
            snapshot_id=self._engine.new_id().hex(),
            parent=self._parent,
            parts=parts,
            index=self._index,
            reliance=self._reliance,
            open_store=self._open_store,
            earlier=earlier,
        )

    def _begin_again(self) -> None:
        """A prune was faster: what it removed is read again, if need be by a changed file."""
        self._report.note(
            "A prune removed some of what this backup had stored; that is read again."
        )
        self._report.begin_again()
        self._progress.begin_again()
        self._store = self._open_store()
        self._crew = self._find_crew()

    def _rows_of(self, parts: list[manifests.Part]) -> Iterator[bytes]:
        """What this backup has read already, as far as it is still there."""
        for part in parts:
            with suppress(Damaged, ObjectMissing):
                yield from manifests.split_rows(self._engine.chunks.manifest(part.ref), where="")

    def _open_store(self) -> ChunkStore:
        engine = self._engine
        return ChunkStore(
            engine.stock,
            data_key=engine.ring.data_ids,
            manifest_key=engine.ring.manifest_ids,
            start=self._start_pipeline,
            waiting=self._wait,
            level=self._order.level,
        )

    def _start_pipeline(self) -> Pipeline:
        engine, order = self._engine, self._order
        is_helped = self._crew is not None and self._crew.is_at_work
        if self._crew is not None:
            self._crew.begin()  # there is enough to do, and with threads it would be too late
        pipeline = Pipeline(
            engine.ring,
            self._index.store,
            salts=engine.salt,
            verify=order.verify,
            threads=order.threads,
            storers=engine.storage.parallel_puts,
        )
        if is_helped or engine.storage.parallel_puts > 1:  # more packs are in memory
            pipeline.full_bytes = HALF_BYTES
        return pipeline

    def _find_crew(self) -> Crew | None:
        """Hands for the small files, where the source lets its files be found again."""
        engine, source = self._engine, self._order.source
        if not isinstance(source, PlaceSource):
            return None
        craft = Craft(
            ring=engine.ring,
            eyes=source.eyes(),
            place=source.place,
            time_ns=engine.hooks.time_ns,
            verify=self._order.verify,
            level=self._order.level,
            boundaries=engine.boundaries,
            pace=self._order.pace,
        )
        store = self._store

        def waiting() -> None:
            self._progress.wait()
            store.check()

        desk = Desk(claim=store.claim, store=store.add_pack, salt=engine.salt, waiting=waiting)
        return Crew(craft, desk)

    def _wait(self) -> None:
        self._progress.wait()
        self._attend()

    def _attend(self) -> None:
        if self._crew is not None and self._crew.is_at_work:
            self._crew.attend(0)

    def _capture(self, known: Iterator[bytes]) -> list[manifests.Part]:
        order, seed = self._order, self._engine.ring.cuts
        builder = manifests.ManifestBuilder(seed, self._store.manifest)
        capture = Capture(
            source=order.source,
            report=self._report,
            store=self._store,
            chunks=self._engine.chunks,
            progress=self._progress,
            match=order.match,
            boundaries=self._engine.boundaries,
            time_ns=self._engine.hooks.time_ns,
            aside=self._attend,
            pace=order.pace,
        )
        EntryStream(capture, ParentRows(known), builder, crew=self._crew).run()
        return builder.parts

    def _parent_rows(self) -> Iterator[bytes]:
        """Rows of the parent; none if there is no parent or it was cut by another chunker."""
        parent = self._parent
        if parent is None or parent.chunkers != self._engine.config.chunkers:
            return
        name = FINISHED + parent.id
        try:
            parts = self._engine.roots.parts(name)
            yield from manifests.Manifest(parts, self._engine.chunks.manifest, name).rows()
        except (Damaged, ObjectMissing) as error:
            self._order.report.note(f"The previous snapshot is damaged, reading anew: {error}")

    def _find_parent(self) -> Snapshot | None:
        wanted, roots = self._order.parent, self._engine.roots
        if wanted is None:
            return None
        if wanted != "auto":
            return roots.one(wanted)
        return next((one for one in roots.finished() if one.name == self._order.name), None)
