"""Repair: mends what can be mended, and says exactly what is lost.

Nothing is made worse: what is sound in a damaged pack is stored again in new packs, and the damaged
one is condemned, not removed. Only copies and hints are ever replaced: one of two copies by the
other, an index object by what the packs say. A snapshot that needs what is lost is named, not
changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from webapp.items import path_to_text
from webapp.vault import self_test
from webapp.vault.checks.giving_up import give_up
from webapp.vault.checks.harm import LostRange, lost_files, span
from webapp.vault.checks.mending_documents import mend_documents
from webapp.vault.checks.mending_packs import (
    Mender,
    condemn,
    drop_hints,
    mend_index,
    salvage,
)
from webapp.vault.checks.repairs import RepairReport, Repairs
from webapp.vault.checks.resupply import Find, Resupply
from webapp.vault.checks.verifying import Check, OnProgress, Verification, nobody
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.manifests import Part
from webapp.vault.reader import ChunkReader
from webapp.vault.snapshots import FINISHED, Roots
from webapp.vault.stock import Stock

_UNSURE = (
    "A list of condemned packs cannot be read, so no pack was mended, and no backup can run. "
    "If no prune is running anywhere, give that object up and repair again."
)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """How to repair.

    Attributes:
        is_dry: only say what would be done.
        find: opens files that may still hold what is lost; None if there are none.
        give_up: names of objects that nobody can read and that may be removed, for good.
    """

    is_dry: bool = False
    find: Find | None = None
    give_up: Sequence[str] = ()
    on_progress: OnProgress = nobody


def repair(engine: Engine, order: Repair) -> RepairReport:
    """Carry out one repair.

    Raises:
        Busy: somebody is changing the keys.
        StorageError: the vault's place failed; what was mended until then is.
    """
    self_test.passed()
    return _Repair(engine, order).run()


class _Repair:
    def __init__(self, engine: Engine, order: Repair) -> None:
        self._engine = engine
        self._order = order
        self._report = RepairReport(is_dry=order.is_dry)
        self._repairs = Repairs(self._report)

    def run(self) -> RepairReport:
        if self._order.give_up:
            self._give_up()
        before = self._verify(self._engine, read_data=1.0)
        self._report.found = before.findings.errors()
        mend_documents(self._engine, self._repairs)
        drop_hints(self._engine, before.findings.names(), self._repairs)
        if before.is_sure:
            self._mend_data(before)
        else:
            self._report.notes.append(_UNSURE)
        self._tell_losses(before)
        return self._report

    def _give_up(self) -> None:
        found = self._verify(self._engine, read_data=0.0).findings.errors()
        give_up(self._engine, self._order.give_up, found, self._repairs)
        self._engine = _afresh(self._engine)

    def _verify(self, engine: Engine, *, read_data: float) -> Verification:
        order = Check(read_data=read_data, remember=False, on_progress=self._order.on_progress)
        found = Verification(engine, order)
        found.run()
        return found

    def _mend_data(self, before: Verification) -> None:
        engine, repairs = self._engine, self._repairs
        if not condemn(engine, before.damaged, repairs, read=before.packs_read):
            return
        for found in before.damaged.values():
            for one in found.saved():
                before.lost.pop(one, None)
        mender = None if self._order.is_dry else Mender(engine)
        for found in before.damaged.values():
            if not found.is_sound:
                salvage(engine, found, mender, repairs)
        self._resupply(before, mender)
        if mender is not None:
            mender.finish()
        mend_index(engine, before.damaged, repairs)

    def _resupply(self, before: Verification, mender: Mender | None) -> None:
        if self._order.find is None or not before.lost:
            return
        keep = mender.store.data if mender is not None else None
        supply = Resupply(self._engine, before.lost, find=self._order.find, keep=keep)
        for name in before.roots.names:
            supply.take(before.roots.parts(name))
        self._report.restored_chunks = len(supply.found)
        before.lost = supply.missing
        if supply.found:
            self._repairs.did("packs", f"{len(supply.found)} lost chunks found in files and stored")

    def _tell_losses(self, before: Verification) -> None:
        """What is lost now: seen anew, or, of a dry run, what would be."""
        after = before
        if not self._order.is_dry:
            self._engine = _afresh(self._engine)
            after = self._verify(self._engine, read_data=0.0)
            self._report.left = after.findings.errors()
        for name in after.roots.names:
            if name.startswith(FINISHED):
                parts = after.roots.parts(name)
                for part, following in zip_longest(parts, parts[1:]):
                    self._tell_part(after, name.removeprefix(FINISHED), part, following)

    def _tell_part(
        self, after: Verification, snapshot: str, part: Part, following: Part | None
    ) -> None:
        if not after.lost:
            return
        facts = {"snapshot": snapshot, "source": after.roots.snapshots[snapshot].name}
        whole = span(part, following)
        if part.ref[:32] in after.lost:
            self._repairs.lose(**facts, path=whole, ranges=[])
            return
        try:
            for path, ranges in lost_files(self._engine, part, after.lost):
                self._repairs.lose(**facts, path=path_to_text(path), ranges=_joined(ranges))
        except Damaged:
            if self._order.is_dry:  # it will be readable when it was mended
                self._report.notes.append(f"What {whole} needs can be told after the repair only.")
            else:
                self._repairs.lose(**facts, path=whole, ranges=[])


def _afresh(engine: Engine) -> Engine:
    """Without anything that was known before the repair."""
    stock = Stock(engine.storage, engine.ring, None)
    return replace(
        engine,
        stock=stock,
        roots=Roots(engine.storage, engine.ring),
        chunks=ChunkReader(engine.storage, engine.ring, stock),
    )


def _joined(ranges: list[LostRange]) -> list[list[int]]:
    """Neighbours as one."""
    found: list[list[int]] = []
    for one in ranges:
        if found and found[-1][1] == one.start:
            found[-1][1] = one.end
        else:
            found.append([one.start, one.end])
    return found
