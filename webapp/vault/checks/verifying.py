"""Verify: does the vault hold what its snapshots need, and is every byte what was written?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain

from webapp.vault import catalogues
from webapp.vault.checks import needs, pack_check, parallel
from webapp.vault.checks.chain import check_chain
from webapp.vault.checks.choice import choose, due_bytes
from webapp.vault.checks.coverage import Coverage
from webapp.vault.checks.distrust import distrust
from webapp.vault.checks.documents import SmallObjects
from webapp.vault.checks.findings import MISSING, Findings, VerifyReport
from webapp.vault.checks.harm import name_the_hurt
from webapp.vault.checks.missing import blame_missing_packs
from webapp.vault.checks.roots_check import RootsCheck
from webapp.vault.checks.second_copies import SecondCopies
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing, StorageError
from webapp.vault.packs import FOLDER
from webapp.vault.snapshots import FINISHED

PERIOD_DAYS = 30.0
_PACKS_PER_NOTE = 1024  # so that a check of days, cut short, is not begun again
_LOOKS = 4  # each for another prune during one check
OnProgress = Callable[[int, int, str], None]


def nobody(done: int, total: int, words: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What to check.

    Attributes:
        snapshot: only what this one needs; None for the whole vault.
        read_data: share of the data that is read whole, 0.0 to 1.0, longest unread first; None
            for as much as the period asks for.
        period_days: within how many days every byte should be read.
        remember: write down in the vault what was read, and which packs are damaged.
        on_progress: told ``(done, total, words)``.
    """

    snapshot: str | None = None
    read_data: float | None = 0.0
    period_days: float = PERIOD_DAYS
    remember: bool = True
    on_progress: OnProgress = nobody


def check(engine: Engine, order: Check) -> VerifyReport:
    """Carry out one check."""
    return Verification(engine, order).run()


class Verification:
    """One check. After ``run``, what it found is there for a repair, too.

    Attributes:
        damaged: what reading packs whole has shown of those that are not as written.
        lost: ids of needed chunks that cannot be had, and the objects to blame.
        is_sure: whether it is known which packs are condemned.
    """

    def __init__(self, engine: Engine, order: Check) -> None:
        self._engine = engine
        self._order = order
        self._report = VerifyReport()
        self._sizes: dict[str, int] = {}
        self._problems: list[Damaged] = []
        self._gone: set[str] = set()
        self._sound: set[str] = set()
        self.findings = Findings()
        self.needs = needs.Needs(engine, self.findings)
        self.roots = RootsCheck(engine, self.findings)
        self.damaged: dict[str, pack_check.PackCheck] = {}
        self.lost: dict[bytes, needs.Blame] = {}
        self.packs_read = 0
        self.is_sure = False

    def run(self) -> VerifyReport:
        engine = self._engine
        self._now = self._moment()
        self._coverage = Coverage.load(engine, now_ns=self._now)
        self._sizes = self._listed()
        if self._order.snapshot is None:
            self._check_small()
        else:
            engine.roots.one(self._order.snapshot)
            self.roots.read(FINISHED + self._order.snapshot)
        engine.stock.refresh(to_read=True)
        self._problems = list(engine.stock.problems)
        self.is_sure = not any(
            problem.object_name.startswith(catalogues.CONDEMNED) for problem in self._problems
        )
        self._look_up()
        if self._order.snapshot is None:
            self._note_problems()
        self._read_packs()
        self._look_up_again()
        self._find_harm()
        self._remember()
        return self._finish()

    def _moment(self) -> int:
        """By the storage's clock; by our own where that cannot be had without writing."""
        if self._order.remember:
            with suppress(StorageError):
                return self._engine.storage.now_ns()
        return self._engine.hooks.time_ns()

    def _listed(self) -> dict[str, int]:
        """The packs that are there now, by name, and their sizes."""
        found = self._engine.storage.list(FOLDER)
        return {item.name.removeprefix(FOLDER): item.size_bytes for item in found}

    def _note_problems(self) -> None:
        """What the stock met; of condemned packs that nobody needs nobody need hear."""
        dead = self._engine.stock.condemned - self.needs.packs
        for problem in self._problems:
            if problem.object_name.removeprefix(FOLDER) not in dead:
                self.findings.note(problem.object_name, problem.problem)

    def _check_small(self) -> None:
        small = SmallObjects(self._engine, self.findings)
        small.check()
        self.roots.read_all()
        check_chain(
            self.roots.snapshots,
            self.roots.digests,
            self.findings,
            forgotten=self._engine.roots.forgotten(),
        )
        self._report.objects += small.objects
        self._report.bytes_read += small.bytes_read

    def _look_up(self) -> None:
        """Every chunk that a snapshot needs must be in some pack."""
        self._look_through_roots()
        self._report.objects += len(self.roots.names)
        self._report.bytes_read += self.roots.bytes_read

    def _look_up_again(self) -> None:
        """A pack that was needed may have gone meanwhile, whether it was to be read or not: a prune
        moved its chunks, or they are lost."""
        for _ in range(_LOOKS):
            if self.needs.packs <= self._listed().keys():
                break
            self._engine.stock.refresh(to_read=True)
            self.needs = needs.Needs(self._engine, self.findings)
            self._look_through_roots()

    def _absent(self) -> list[pack_check.PackCheck]:
        """Packs that something is needed from and that are not there, whatever a list says."""
        names = (self._gone & self.needs.packs) | (self.needs.packs - self._listed().keys())
        for name in names:
            self.findings.note(FOLDER + name, "it is missing, though it was listed", kind=MISSING)
        return [pack_check.without_bytes(name, self._engine.stock) for name in sorted(names)]

    def _look_through_roots(self) -> None:
        names = self.roots.names
        for done, name in enumerate(names):
            step = partial(self._order.on_progress, done, len(names), "snapshots")
            self.needs.add(self.roots.parts(name), where=name, step=step)
        self.needs.recheck()
        self.lost = dict(self.needs.lost)

    def _read_packs(self) -> None:
        sizes = self._candidates()
        chosen = choose(
            sizes,
            self._coverage,
            wanted_bytes=self._wanted(sizes),
            draw=self._engine.hooks.random_bytes,
        )
        chosen += sorted(self._doubtful() - set(chosen))
        fresh: list[str] = []
        try:
            for done, found in enumerate(parallel.each(self._read, chosen), start=1):
                self._take(found, fresh)
                self._order.on_progress(done, len(chosen), "packs read")
                if len(fresh) >= _PACKS_PER_NOTE:
                    self._note_read(fresh)
        finally:
            self._note_read(fresh)

    def _candidates(self) -> dict[str, int]:
        """The packs that may be chosen: those that are live, or that the one snapshot needs."""
        stock, needed = self._engine.stock, self.needs.packs
        if self._order.snapshot is not None:
            return {name: size for name, size in self._sizes.items() if name in needed}
        return {name: size for name, size in self._sizes.items() if stock.is_live(name)}

    def _doubtful(self) -> set[str]:
        """Read every time: condemned packs that something is needed from (damage that is known, or
        a prune that was cut short), and packs whose size is not what it was."""
        stock = self._engine.stock
        needed = self.needs.packs & stock.condemned
        if self._order.snapshot is None:
            needed |= stock.distrusted - stock.condemned
        return needed & self._sizes.keys()

    def _wanted(self, sizes: dict[str, int]) -> float:
        share, total = self._order.read_data, sum(sizes.values())
        if share is None:
            days = self._order.period_days
            return due_bytes(sizes, self._coverage, now_ns=self._now, period_days=days)
        return total * min(max(share, 0.0), 1.0)

    def _read(self, name: str) -> pack_check.PackCheck | None:
        engine = self._engine
        try:
            return pack_check.read_whole(engine.storage, engine.ring, name, stock=engine.stock)
        except ObjectMissing:
            self._gone.add(name)  # deleted since it was listed
            return None

    def _take(self, found: pack_check.PackCheck | None, fresh: list[str]) -> None:
        if found is None:
            return
        self.packs_read += 1
        self._report.objects += 1
        self._report.bytes_read += found.size_bytes
        if not found.problems:
            self._sound.add(found.name)
            self._coverage.add(found.name, self._now)
            fresh.append(found.name)
            return
        self.damaged[found.name] = found
        for problem in found.problems:
            self.findings.note(FOLDER + found.name, problem)

    def _find_harm(self) -> None:
        """Name the snapshots and paths that need what cannot be had."""
        self._add_damaged()
        if not self.lost:
            return
        blame_missing_packs(self._engine, self.lost)
        blamed = set(chain.from_iterable(self.lost.values()))
        for name in blamed - self.findings.names():
            problem = needs.IN_NO_PACK if name == needs.NOWHERE else "it is missing"
            self.findings.note(name, problem, kind=MISSING)
        name_the_hurt(self._engine, self.roots, self.lost, findings=self.findings)

    def _add_damaged(self) -> None:
        """What damaged packs have lost is lost if no other pack has it, whole."""
        bad = {one.name: one for one in self._absent()} | self.damaged
        copies = SecondCopies(self._engine, bad=bad, sound=self._sound)
        for found in bad.values():
            left = [one for one in found.lost if not copies.has(one)]
            blame = (FOLDER + found.name,)
            for one in left:
                needs.blame(self.lost, one, blame)
            if found.lost and not left:
                words = "what is damaged in it lies whole in other packs, too; nothing is lost."
                self._report.notes.append(f"{FOLDER}{found.name}: {words}")

    def _remember(self) -> None:
        if not self._order.remember or not self.is_sure:
            return
        names = [found.name for found in self.damaged.values() if found.lost]
        if not names:
            return
        try:
            self._report.notes += distrust(self._engine, names, read=self.packs_read)
        except StorageError as error:
            self._report.notes.append(f"Damaged packs could not be marked as such: {error}")

    def _note_read(self, fresh: list[str]) -> None:
        if self._order.remember:
            with suppress(StorageError):  # costs reading them again
                self._coverage.save(self._engine, fresh=fresh, present=self._sizes.keys())
        fresh.clear()

    def _finish(self) -> VerifyReport:
        report, order = self._report, self._order
        report.errors = self.findings.errors()
        if order.snapshot is not None:
            losers = [found.name for found in self.damaged.values() if found.lost]
            report.keep_to(order.snapshot, losers={FOLDER + name for name in losers})
            return report
        sizes = self._candidates()
        report.coverage = self._coverage.report(
            sizes,
            now_ns=self._now,
            period_days=order.period_days,
            share=self._wanted(sizes) / max(sum(sizes.values()), 1),
        )
        return report
