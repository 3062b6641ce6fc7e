"""Steps W3 to W6: from stored data to a finished snapshot. Safe against prunes, without locks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from webapp.items import Tally
from webapp.vault import catalogues, processes, removing, revoking
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.engine import Engine, Order
from webapp.vault.errors import (
    Lacking,
    Outrun,
    SnapshotRevoked,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    VaultError,
)
from webapp.vault.index_writer import IndexWriter
from webapp.vault.manifests import Part
from webapp.vault.rescue import Rescued, copy_out
from webapp.vault.snapshots import CLOCK_DOUBT, FINISHED, PENDING, Snapshot, moment, seal_root
from webapp.vault.stock import Reliance

_ROUNDS = 5
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Makes a snapshot of what a backup has stored.

    Attributes:
        parts: the manifest's chunks.
        reliance: the packs that this backup may have relied on.
        open_store: makes a chunk store, for what must be copied out of condemned packs.
        earlier: id under which this backup announced a root that lacked something; or empty.
        unsure: ids of snapshots that were sent, and of which nobody knows what came of them.
    """

    engine: Engine
    order: Order
    snapshot_id: str
    parent: Snapshot | None
    parts: list[Part]
    index: IndexWriter
    reliance: Reliance
    open_store: Callable[[], ChunkStore]
    earlier: str = ""
    unsure: set[str] = field(default_factory=set)

    def publish(self, tally: Tally) -> Snapshot:
        """Publish it, or say why it cannot be.

        Raises:
            Lacking: some of it must be stored again. What is there stays protected, by a pending
                root that the next try removes, as ``earlier``, or the caller.
        """
        snapshot = self._describe(tally)
        try:
            self._put_root(snapshot, PENDING)
            self.withdraw(self.earlier)
            self._make_safe()
            self._put_final(snapshot)
            self._check_revoked()
        except (StorageUnavailable, Lacking):
            raise  # the snapshot may yet appear: its pending root must go on protecting it
        except VaultError:
            self.withdraw(self.snapshot_id)
            raise
        self._remove_pending()
        self.index.finish()
        return snapshot

    def withdraw(self, snapshot_id: str) -> None:
        """Remove a pending root that will not be finished, if there is one.

        That of a snapshot which may yet appear stays: nothing else protects what that needs.
        """
        if snapshot_id and snapshot_id not in self.unsure:
            with suppress(VaultError):  # what cannot be removed here, a prune removes
                removing.remove(self.engine.storage, PENDING + snapshot_id)
            self.engine.roots.forget(PENDING + snapshot_id)

    def _make_safe(self) -> None:
        for _ in range(_ROUNDS):
            found = self._rescue()
            if not found.is_whole:
                raise Lacking(
                    "Prunes kept removing what this backup needs, faster than it could be stored "
                    "again. Nothing is lost: give prune a longer --grace, and run it again."
                )
            if not found.copied:
                return
        raise Outrun("A prune kept removing what this backup needs. Run it again.")

    def _describe(self, tally: Tally) -> Snapshot:
        engine, order = self.engine, self.order
        known = engine.roots.finished(forgotten=True)
        seen = [one.sequence for one in (*known, *engine.roots.pending())]
        created_ns = self._stamp(known[0] if known else None)
        same = next((one for one in engine.roots.finished() if one.name == order.name), None)
        return Snapshot(
            id=self.snapshot_id,
            name=order.name,
            sequence=max(seen, default=0) + 1,
            created_at=moment(created_ns),
            created_ns=created_ns,
            reason=order.reason,
            metadata={**order.metadata, **self._facts(), **self._doubt(created_ns)},
            counts=_counts(tally),
            predecessor=same.id if same else "",
            predecessor_hash=engine.roots.digest(FINISHED + same.id) if same else "",
            writer={**processes.identity(), "at_ns": created_ns},
            chunkers=engine.config.chunkers,
            parent=self.parent.id if self.parent else "",
        )

    def _facts(self) -> dict[str, Any]:
        facts = self.order.source.facts()
        return {"facts": dict(facts)} if facts else {}

    def _doubt(self, created_ns: int) -> dict[str, Any]:
        """A mark, if the storage's clock and this machine's are days apart."""
        days = abs(created_ns - self.engine.hooks.time_ns()) / _DAY_NS
        if days <= 1:
            return {}
        self.order.report.note(
            f"The vault's clock and this machine's are {days:.0f} days apart: one of them is "
            "wrong. The snapshot is marked, so that no rule drops others because of its time."
        )
        return {CLOCK_DOUBT: True}

    def _stamp(self, newest: Snapshot | None) -> int:
        """The storage's time; the newest snapshot's if that is ahead by a day at most."""
        now = self.engine.storage.now_ns()
        if newest is None or now > newest.created_ns:
            return now
        if newest.created_ns - now > _DAY_NS:
            self.order.report.note(
                "The vault's newest snapshot is days ahead of its clock: one of them is wrong. "
                "Rules for keeping will not count by the time that stands out."
            )
            return now
        self.order.report.note(
            "The vault's clock is behind its newest snapshot; that snapshot's time is used."
        )
        return newest.created_ns + 1

    def _put_root(self, snapshot: Snapshot, folder: str) -> None:
        engine = self.engine
        data = seal_root(engine.ring, snapshot, self.parts, folder=folder, salt=engine.salt())
        engine.storage.put(folder + snapshot.id, data)

    def _put_final(self, snapshot: Snapshot) -> None:
        """Put ``snapshots/ID``. While nobody knows what came of it, it may yet appear."""
        self.unsure.add(snapshot.id)
        try:
            self._put_root(snapshot, FINISHED)
        except (StorageDenied, StorageFull):
            self.unsure.clear()
            raise
        self.unsure.clear()

    def _rescue(self) -> Rescued:
        """W4 and W5: copy out of condemned packs what this snapshot needs and they still hold."""
        stock = self.engine.stock
        revoking.settle(self.engine)
        relied = frozenset(self.reliance.names)
        stock.refresh()
        safe = stock.reliable()
        self.reliance.names = set(safe)
        if relied <= safe:
            return Rescued(
                0, True
            )  # no pack was condemned, went away or was found damaged since W1
        store = self.open_store()
        try:
            found = copy_out(self.parts, self.engine.chunks, store)
            store.finish()
        except BaseException:
            store.abort()
            raise
        self.index.flush()
        return found

    def _check_revoked(self) -> None:
        storage, name = self.engine.storage, catalogues.REVOKED + self.snapshot_id
        if any(item.name == name for item in storage.list(name)):
            with suppress(VaultError):  # what cannot be removed here, a prune removes
                removing.remove(storage, FINISHED + self.snapshot_id)
            raise SnapshotRevoked(
                "Another run took this backup for dead, so its snapshot was taken back; nothing "
                "else is lost. Run it again. If this machine is a copy of another one, give it a "
                "host name and an /etc/machine-id of its own."
            )

    def _remove_pending(self) -> None:
        """Remove our own pending root, and those of dead writers of this name on this machine."""
        self.withdraw(self.snapshot_id)
        for one in self.engine.roots.pending():
            if one.name == self.order.name and processes.is_dead(one.writer):
                with suppress(StorageError):
                    if revoking.is_finished(self.engine, one.id) or revoking.revoke(
                        self.engine, one.id
                    ):
                        self.withdraw(one.id)


def _counts(tally: Tally) -> dict[str, int]:
    found: dict[str, Any] = asdict(replace(tally, current=b""))
    return {name: value for name, value in found.items() if isinstance(value, int)}
