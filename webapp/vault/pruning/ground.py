"""What all steps of a prune stand on: listing and looking again until nothing moves, and deleting
only while this release may."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from webapp.vault import removing, revoking
from webapp.vault.engine import Engine
from webapp.vault.errors import Halted, ObjectMissing, StorageLocked, VaultError
from webapp.vault.pruning.copying import Copier
from webapp.vault.pruning.findings import PruneOrder, PruneReport
from webapp.vault.pruning.roots import Moved, RootList, list_roots
from webapp.vault.pruning.walking import Walk
from webapp.vault.snapshots import PENDING
from webapp.vault.storage.retrying import Retrying

_ROUNDS = 8
Absent = Callable[[bool, bytes], None]


class Ground:
    """One prune's view of the vault.

    Attributes:
        forgotten: ids of forgotten snapshots. What they have lost stops nothing.
        excused: ids of those that nobody can bring back: these may be unreadable.
    """

    def __init__(self, engine: Engine, order: PruneOrder) -> None:
        self.engine = engine
        self.order = order
        self.report = PruneReport(dry_run=order.dry_run)
        self.forgotten: set[str] = set()
        self.excused: set[str] = set()
        self._current = ""
        self._excused_now: frozenset[str] = frozenset()
        deletes = order.storage_for_deletes or engine.storage
        self._deletes = Retrying.around(deletes, sleep=engine.hooks.sleep)

    def note(self, sentence: str) -> None:
        if sentence not in self.report.notes:
            self.report.notes.append(sentence)

    def delete(self, name: str) -> None:
        """Delete an object, if it is still there.

        Raises:
            NewerFormat: a later release uses the vault meanwhile; its data is not ours to judge.
            StorageDenied: these credentials may not.
        """
        with suppress(ObjectMissing):
            removing.remove(self.engine.storage, name, by=self._deletes)

    def delete_unless_locked(self, name: str) -> bool:
        """As ``delete``, but what is locked against deletion stays; say whether it is gone."""
        try:
            self.delete(name)
        except StorageLocked as error:
            self.note(f"Some of it stays until a later prune: {error}")
            return False
        return True

    def may_lack(self, root: str) -> bool:
        """Whether a root may need what is in no pack: it is forgotten, or not finished.

        A writer that lacks something never finishes the root that it has announced.
        """
        identity = root.partition("/")[2]
        is_out = identity in self._excused_now or identity in self.forgotten
        return is_out or root.startswith(PENDING)

    def settle(self) -> None:
        revoking.settle(self.engine)

    def see(self, on_absent: Absent, *, known: Iterable[str] = ()) -> tuple[RootList, Walk]:
        """Roots, then condemned, then packs; then all that roots need, but for the *known* ones.

        Raises:
            Moved: something went away meanwhile.
            Halted: a root or manifest cannot be read.
        """
        roots = list_roots(self.engine)
        self.engine.stock.refresh()
        self._excused_now = frozenset((*self.excused, *roots.revoked))
        walk = Walk(self.engine, on_absent, excused=self._excused_now, may_lack=self.may_lack)
        passed = set(known)
        wanted = [name for name in roots.names if name not in passed]
        # These last: what only they need may be lost without stopping anything.
        for done, name in enumerate(sorted(wanted, key=self.may_lack)):
            self.order.on_progress(done, len(wanted), "snapshots looked through")
            self._current = name
            walk.roots((name,))
        walk.check()
        for name in walk.unreadable:
            self._note_loss(name)
        return roots, walk

    def see_and_rescue(self, known: Iterable[str] = ()) -> tuple[RootList, Walk, Copier]:
        """The same, until everything that is needed is in packs that count.

        What cannot be copied out is left where it is: ``stuck`` of the copier that is returned.
        """
        for _ in range(_ROUNDS):
            copier = Copier(self.engine)
            try:
                roots, walk = self.see(self._absent(copier), known=known)
                copier.finish()
            except Moved:
                copier.abort()
                self.settle()  # what was deleted may be listed for a while
                continue
            except BaseException:
                copier.abort()
                raise
            self.report.rescued += copier.copied
            if not copier.copied:
                self._check_lost(copier)
                return roots, walk, copier
            self.settle()
        raise VaultError("The vault kept changing while it was looked through. Run prune again.")

    def _absent(self, copier: Copier) -> Absent:
        def absent(is_manifest: bool, identity: bytes) -> None:
            is_there = self.engine.stock.index.locate(identity) is not None
            if not is_there and self.may_lack(self._current):
                self._note_loss(self._current)
                return
            if not is_there or not self.order.dry_run:
                copier.rescue(is_manifest, identity)

        return absent

    def _note_loss(self, root: str) -> None:
        if not root.startswith(PENDING):
            self.note(f"{root} is forgotten and damaged: it cannot be brought back whole.")

    def _check_lost(self, copier: Copier) -> None:
        if copier.lost:
            raise Halted(
                f"Prune stopped: {len(copier.lost)} chunks that snapshots need are in no pack. "
                "Run verify to see which snapshots that hurts; repair, or forget those snapshots."
            )
        if copier.stuck:
            self.note(
                f"{len(copier.stuck)} chunks that snapshots need cannot be read; the packs that "
                "hold them stay. Run verify, and back up what is hurt."
            )
