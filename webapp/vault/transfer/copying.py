"""Copy: snapshots into a second vault with another key, another place, and its own history.

A copy is a writer like any other (steps W1 to W6), except that it takes rows and chunks from a
vault. It knows by the copies' roots what is there already, and by the newest of them most of what
is in the next. What was read back from the target and compared is published, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from webapp.items import Tally
from webapp.vault import self_test
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.engine import Engine, Order
from webapp.vault.errors import Damaged, Lacking, ObjectMissing
from webapp.vault.index_writer import IndexWriter
from webapp.vault.manifests import Manifest, ManifestBuilder, Part
from webapp.vault.pipeline import Pipeline
from webapp.vault.publishing import Publisher
from webapp.vault.reader import ChunkReader
from webapp.vault.rows import row_path
from webapp.vault.snapshots import FINISHED, Snapshot
from webapp.vault.transfer.comparison import Seen, compare
from webapp.vault.transfer.copied_labels import CopiedLabels, Pair
from webapp.vault.transfer.copied_rows import CopiedRows, Earlier
from webapp.vault.transfer.nothing import NOTHING
from webapp.vault.transfer.translation import Translator

Tell = Callable[[int, int, str], None]
_CACHE_BYTES = 4 << 20
_MORE_TRIES = 3
_STEPS = 1000  # of progress, for each snapshot


@dataclass(kw_only=True)
class CopyResult:
    """What a copy did.

    Attributes:
        copied: the source's snapshots and the target's, oldest first.
        present: how many of those asked for were there already.
        failed: ids of the source's snapshots that could not be copied, and why.
        labels: how many labels were brought along, or taken back as the source has done.
        notes: what is worth a word, in sentences.
    """

    copied: list[tuple[Snapshot, Snapshot]] = field(default_factory=list)
    present: int = 0
    failed: list[tuple[str, Damaged]] = field(default_factory=list)
    labels: int = 0
    notes: list[str] = field(default_factory=list)
    read_bytes: int = 0
    stored_bytes: int = 0


def copy(
    source: Engine, target: Engine, *, snapshots: Sequence[str] | None, verify: bool, tell: Tell
) -> CopyResult:
    """Copy these snapshots, or all, oldest first; what the target has is left out.

    Raises:
        SnapshotMissing: one of *snapshots* is not in the source.
        VaultError: the target cannot be written, or not be published in. Run it again: what was
            stored is not stored again.
    """
    self_test.passed()
    source, target = _frugal(source), _frugal(target)
    return _Copy(source, target, tell=tell, verify=verify).run(snapshots)


def origin_of(snapshot: Snapshot, vault_id: bytes) -> tuple[str, str]:
    """Where a snapshot was made: vault and id; the same for it and for every copy of it."""
    if snapshot.origin:
        return str(snapshot.origin.get("vault")), str(snapshot.origin.get("snapshot"))
    return vault_id.hex(), snapshot.id


def _frugal(engine: Engine) -> Engine:
    """With little room for decoded segments: manifests are read once, from end to end."""
    chunks = ChunkReader(engine.storage, engine.ring, engine.stock, cache_bytes=_CACHE_BYTES)
    return replace(engine, chunks=chunks)


class _Copy:
    def __init__(self, source: Engine, target: Engine, *, tell: Tell, verify: bool) -> None:
        self._source = source
        self._target = target
        self._tell = tell
        self._verify = verify
        self._known: dict[bytes, bytes] = {}
        self._result = CopyResult()
        self._present: list[Pair] = []
        self._steps = (0, 0)

    def run(self, snapshots: Sequence[str] | None) -> CopyResult:
        todo = self._choose(snapshots)
        labels = CopiedLabels(source=self._source, target=self._target)
        labels.bring(self._present)
        for number, original in enumerate(todo):
            self._steps = (number * _STEPS, len(todo) * _STEPS)
            tally = Tally()
            try:
                copied = self._one_patiently(original, tally)
            except (Damaged, ObjectMissing) as error:
                problem = error if isinstance(error, Damaged) else Damaged(str(error), "is missing")
                self._result.failed.append((original.id, problem))
            else:
                self._result.copied.append((original, copied))
                labels.bring([(original, copied)])
            self._result.stored_bytes += tally.stored_bytes
        self._result.labels, self._result.notes = labels.changes, labels.notes
        return self._result

    def _choose(self, wanted: Sequence[str] | None) -> list[Snapshot]:
        """What is to be copied and not there yet, oldest first."""
        if wanted is None:
            chosen = self._source.roots.finished()
            for problem in self._source.roots.problems:
                self._result.failed.append((problem.object_name.removeprefix(FINISHED), problem))
        else:
            chosen = [self._source.roots.one(one) for one in dict.fromkeys(wanted)]
        there = self._there()
        vault_id, gone = self._source.ring.vault_id, self._target.roots.forgotten()
        todo = []
        for one in chosen:
            copies = there.get(origin_of(one, vault_id), [])
            self._present += [(one, copy) for copy in copies]
            # What the target has forgotten is copied again only if it is asked for by name.
            if not copies or (wanted is not None and all(copy.id in gone for copy in copies)):
                todo.append(one)
        self._result.present = len(chosen) - len(todo)
        return sorted(todo, key=lambda one: one.order)

    def _there(self) -> dict[tuple[str, str], list[Snapshot]]:
        """What the target holds, by where it was made; with what it has forgotten and could bring
        back."""
        found: dict[tuple[str, str], list[Snapshot]] = {}
        for one in self._target.roots.finished(forgotten=True):
            found.setdefault(origin_of(one, self._target.ring.vault_id), []).append(one)
        return found

    def _one_patiently(self, original: Snapshot, tally: Tally) -> Snapshot:
        """Copy once more what prunes of the target removed meanwhile."""
        for _ in range(_MORE_TRIES):
            try:
                return self._one(original, tally)
            except Lacking:
                continue
        return self._one(original, tally)

    def _one(self, original: Snapshot, tally: Tally) -> Snapshot:
        self._target.stock.refresh()
        reliance = self._target.stock.rely()
        index = IndexWriter(self._target, tally, announces=True)
        store, parent = self._open_store(index), self._parent_of(original)
        parts, seen = self._source.roots.parts(FINISHED + original.id), Seen()
        try:
            copied = self._copied_rows(store, parent)
            written = self._write(copied, parts, store, seen)
            store.finish()
        except BaseException:
            store.abort()
            raise
        index.flush()
        compare(self._target, written, seen, fresh=copied.fresh if self._verify else None)
        order = Order(
            source=NOTHING, report=NOTHING, name=original.name, on_progress=lambda _: None
        )
        publisher = _CopyPublisher(
            engine=self._target,
            order=order,
            snapshot_id=self._target.new_id().hex(),
            parent=parent,
            parts=written,
            index=index,
            reliance=reliance,
            open_store=lambda: self._open_store(index),
            original=original,
            origin=origin_of(original, self._source.ring.vault_id),
        )
        try:
            return publisher.publish(tally)
        except Lacking:
            publisher.withdraw(publisher.snapshot_id)
            raise

    def _write(
        self, copied: CopiedRows, parts: list[Part], store: ChunkStore, seen: Seen
    ) -> list[Part]:
        builder = ManifestBuilder(self._target.ring.cuts, store.manifest)
        total = sum(part.row_count for part in parts) or 1
        for number, row in enumerate(copied.of(parts)):
            seen.add(row)
            builder.add(row_path(row), row)
            if not number % 500:
                self._progress(number / total)
        if seen.rows != sum(part.row_count for part in parts):
            raise Damaged("manifest", "it holds more or fewer entries than its root says")
        builder.flush()
        return builder.parts

    def _copied_rows(self, store: ChunkStore, parent: Snapshot | None) -> CopiedRows:
        translator = Translator(self._source, store, known=self._known, on_bytes=self._count_bytes)
        return CopiedRows(
            source=self._source,
            target=self._target,
            store=store,
            translator=translator,
            earlier=self._earlier(parent) if parent else None,
        )

    def _parent_of(self, original: Snapshot) -> Snapshot | None:
        """The target's newest snapshot of this name."""
        there = self._target.roots.finished()
        return next((one for one in there if one.name == original.name), None)

    def _earlier(self, parent: Snapshot) -> Earlier | None:
        """What is known of the target's snapshot *parent*, and of what it is a copy of."""
        name = FINISHED + parent.id
        try:
            parts = self._target.roots.parts(name)
        except (Damaged, ObjectMissing):
            return None
        manifest = Manifest(parts, self._target.chunks.manifest, name)
        wanted = origin_of(parent, self._target.ring.vault_id)
        vault_id = self._source.ring.vault_id
        for one in self._source.roots.finished():
            if origin_of(one, vault_id) == wanted:
                refs = (part.ref for part in self._source.roots.parts(FINISHED + one.id))
                return Earlier(manifest=manifest, refs=frozenset(refs))
        return Earlier(manifest=manifest)

    def _open_store(self, index: IndexWriter) -> ChunkStore:
        target = self._target
        return ChunkStore(
            target.stock,
            data_key=target.ring.data_ids,
            manifest_key=target.ring.manifest_ids,
            start=lambda: Pipeline(target.ring, index.store, salts=target.salt, verify=True),
            waiting=lambda: None,
        )

    def _count_bytes(self, size_bytes: int) -> None:
        self._result.read_bytes += size_bytes
        self._progress(None)

    def _progress(self, share: float | None) -> None:
        done, total = self._steps
        if share is not None:
            done = done // _STEPS * _STEPS + int(share * _STEPS)
            self._steps = (done, total)
        words = f"snapshot {done // _STEPS + 1} of {total // _STEPS}"
        self._tell(done, total, words)


@dataclass(frozen=True, kw_only=True)
class _CopyPublisher(Publisher):
    """Publishes what *original* says, with the target's own order and chain."""

    original: Snapshot
    origin: tuple[str, str]

    def _describe(self, tally: Tally) -> Snapshot:
        own = super()._describe(tally)
        return replace(
            self.original,
            id=own.id,
            sequence=self._sequence(own),
            predecessor=own.predecessor,
            predecessor_hash=own.predecessor_hash,
            writer=own.writer,
            parent=own.parent,
            origin={"vault": self.origin[0], "snapshot": self.origin[1]},
        )

    def _sequence(self, own: Snapshot) -> int:
        """Such that it comes before what was made later of the same name and is here already: of
        equal ones the earlier time comes first."""
        later = [
            one.sequence
            for one in self.engine.roots.finished(forgotten=True)
            if one.name == own.name and one.created_ns > self.original.created_ns
        ]
        return min(later, default=own.sequence)
