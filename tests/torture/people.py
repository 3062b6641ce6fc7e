"""People who go on asking for work while everything behind them is killed, and remember what they
were promised."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from tests.torture.diary import Diary
from webapp.database import FAILURES, by_row_locks
from webapp.domain.permissions import Permission
from webapp.errors import AppError
from webapp.extensions import db
from webapp.models import BackupSet, Run, RunItem
from webapp.services import access as gate
from webapp.services import bulk, captures, plans, restores, runs
from webapp.services.access import Access

T = TypeVar("T")
Files = dict[str, bytes]
OURS = ".lastgood-"


def files_below(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass(kw_only=True)
class Customer:
    """One tenant. Its sources never change, but for ``shop``, which is damaged and restored."""

    slug: str
    person: str
    root: Path
    tenant_id: UUID
    sources: dict[str, UUID]
    shop: UUID
    base: UUID  # a set of the first source, restored into folders
    shop_base: UUID  # a set of the shop when it was whole

    @property
    def shop_folder(self) -> Path:
        return self.root / "shop"


@dataclass(kw_only=True)
class Restore:
    """One that somebody wants: previewed first, then applied."""

    customer: Customer
    folder: Path | None  # None: into the shop itself
    preview_id: UUID
    run_id: UUID | None = None
    is_settled: bool = False


@dataclass(kw_only=True)
class People:
    """Attributes:
    accepted: ids of the runs that were promised.
    asked: how often something was asked for.
    unanswered: how often without an answer, because the database was down: it may have been
        accepted, or not.
    problems: what was found to be wrong on the way.
    """

    diary: Diary
    draw: random.Random
    customers: list[Customer]
    healthy: dict[str, Files]
    accepted: set[UUID] = field(default_factory=set)
    asked: int = 0
    unanswered: int = 0
    restores: list[Restore] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _was_refused: bool = False

    def act(self) -> None:
        """Follow up what was asked for, and ask for something more."""
        self.follow_up()
        acts = {
            self._capture: 4,
            self._bulk: 2,
            self._restore_to_folder: 3,
            self._restore_shop: 3,
            self._cancel: 1,
        }
        customer = self.draw.choice(self.customers)
        self.draw.choices(list(acts), list(acts.values()))[0](customer)

    def follow_up(self) -> None:
        """Apply what was previewed, and look at the shops whose restore has ended."""
        for one in self.restores:
            if one.is_settled:
                continue
            run = self._tried(lambda one=one: self._run(one.run_id or one.preview_id))
            if run is None or not run.status.is_final:
                continue
            if one.run_id is None:
                self._apply(one)
            else:
                one.is_settled = True
                self._look_at(one, run)

    @property
    def waits_for_something(self) -> bool:
        return any(not one.is_settled for one in self.restores)

    def enter(self, customer: Customer) -> Access:
        actor = gate.actor_called(f"{customer.person}@example.com")
        return gate.enter(actor, customer.slug, Permission.VIEW)

    def _capture(self, customer: Customer) -> None:
        name, source_id = self.draw.choice(sorted(customer.sources.items()))
        reason = self._reason()
        self._ask(
            f"{reason}: capture of {customer.slug}/{name}",
            lambda: captures.start(self.enter(customer), source_id, reason=reason),
        )

    def _bulk(self, customer: Customer) -> None:
        reason, ids = self._reason(), sorted(customer.sources.values())
        self._ask(
            f"{reason}: bulk capture of {customer.slug}",
            lambda: bulk.start(self.enter(customer), "source", "capture", ids, reason=reason),
        )

    def _restore_to_folder(self, customer: Customer) -> None:
        folder = customer.root / "restored" / self._reason().replace(" ", "-")
        self._preview(customer, customer.base, folder)

    def _restore_shop(self, customer: Customer) -> None:
        open_ones = [one for one in self.restores if not one.is_settled and one.folder is None]
        if any(one.customer is customer for one in open_ones):
            return
        for path in sorted(customer.shop_folder.rglob("*")):
            if path.is_file() and self.draw.random() < 0.5:
                path.write_bytes(b"damaged")
        self._preview(customer, customer.shop_base, None)

    def _preview(self, customer: Customer, set_id: UUID, folder: Path | None) -> None:
        where = folder.name if folder else "the shop itself"
        to_path = str(folder) if folder else None
        run_id = self._ask(
            f"preview of a restore of {customer.slug} into {where}",
            lambda: plans.preview(self.enter(customer), set_id, to_path=to_path),
        )
        if run_id is not None:
            self.restores.append(Restore(customer=customer, folder=folder, preview_id=run_id))

    def _apply(self, one: Restore) -> None:
        plan_id = self._tried(lambda: self._plan_of(one))
        if plan_id is None:
            return
        one.run_id = self._ask(
            f"restore of {one.customer.slug} by plan {plan_id}",
            lambda: restores.apply(
                self.enter(one.customer),
                plan_id,
                reviewed=True,
                reason="killed",
                confirm=one.customer.slug,
            ),
        )
        one.is_settled = self._was_refused  # without an answer it is asked for once more

    def _cancel(self, customer: Customer) -> None:
        if not self.accepted:
            return
        run_id = self.draw.choice(sorted(self.accepted))
        run = self._tried(lambda: self._run(run_id))
        if run is None or run.status.is_final:
            return
        owner = next(one for one in self.customers if one.tenant_id == run.tenant_id)
        self._tried(lambda: runs.cancel(self.enter(owner), run_id))
        self.diary.note(f"somebody cancels {run_id}")

    def _look_at(self, one: Restore, run: Run) -> None:
        """What is in a shop whose restore has ended, before it is damaged again: what was written
        is whole, what was not is as it was before."""
        if one.folder is not None:
            return
        whole = self.healthy[f"{one.customer.slug}/shop"]
        found = files_below(one.customer.shop_folder)
        if run.error_code == "worker_lost":  # then nobody came to clear away behind the last one
            found = {name: content for name, content in found.items() if OURS not in name}
        if sorted(found) != sorted(whole):
            self.problems.append(f"restore {run.id}: other files than before: {sorted(found)}")
        outcomes = self._tried(lambda: self._outcomes(run.id))
        for name, content in found.items() if outcomes is not None else ():
            said = outcomes.get(f"tree:{name}")
            if content not in {whole.get(name), b"damaged"}:
                self.problems.append(f"restore {run.id}: {name} is neither old nor new")
            if said == "succeeded" and content != whole[name]:
                self.problems.append(f"restore {run.id}: {name} is said to be restored and is not")

    def _ask(self, what: str, act: Callable[[], tuple[Run, bool]]) -> UUID | None:
        """Ask for a run; its id is a promise. None if nobody answered, or it was refused."""
        self.asked += 1
        self._was_refused = False
        try:
            run, is_new = act()
            run_id = run.id
            db.session.rollback()
        except AppError as error:
            self._forget()
            self._was_refused = True
            self.diary.note(f"{what}: refused, {error}")
            return None
        except FAILURES as error:
            self._forget()
            self.unanswered += 1
            self.diary.note(f"{what}: no answer, {type(error).__name__}")
            return None
        self.accepted.add(run_id)
        self.diary.note(f"{what}: {'new' if is_new else 'shared'} run {run_id}")
        return run_id

    def _tried(self, act: Callable[[], T]) -> T | None:
        """What *act* gives; None where the database does not answer now."""
        try:
            return act()
        except (*FAILURES, AppError):
            return None
        finally:
            self._forget()

    def _forget(self) -> None:
        with suppress(*FAILURES):
            db.session.rollback()

    def _reason(self) -> str:
        return f"act {self.asked + 1}"

    def _plan_of(self, one: Restore) -> UUID | None:
        plan = plans.of_run(self.enter(one.customer), one.preview_id)
        return plan.id if plan else None

    @staticmethod
    def _run(run_id: UUID) -> Run:
        with by_row_locks():
            run = db.session.get_one(Run, run_id, populate_existing=True)
        db.session.expunge(run)
        return run

    @staticmethod
    def _outcomes(run_id: UUID) -> dict[str, str | None]:
        rows = db.session.query(RunItem.item_key, RunItem.outcome).filter_by(run_id=run_id)
        return {key: outcome for key, outcome in rows}


def newest_set(run_id: UUID) -> UUID:
    """The set that a capture made."""
    made = db.session.query(BackupSet).filter_by(run_id=run_id).one().id
    db.session.rollback()
    return made
