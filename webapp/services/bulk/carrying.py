"""The work of a bulk run: begin the items in order, wait for the runs made for them, count.

It holds no worker while it waits: it gives itself back for some seconds and looks again, so that
what it started can be done by the very worker that started it. The first items are a trial: only
when they have ended are the others begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp.domain.outcomes import CIRCUIT_OPEN, Counted
from webapp.domain.runs import ACTIVE
from webapp.errors import AppError, Conflict, Forbidden, Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import BulkOperationRun, Run, Tenant
from webapp.services import access as gate
from webapp.services import claims, runs
from webapp.services.access import Access
from webapp.services.bulk import in_hand, items, operations
from webapp.services.bulk.closing import close
from webapp.services.bulk.items import Outcome
from webapp.services.bulk.operations import Operation
from webapp.services.claims import Canceled, Claim, Later
from webapp.services.runs import Ending
from webapp.services.telling import told

FIRST = 10
LOOK_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class _Task:
    """``is_canceled``: a person asked for the stop while nobody held the run."""

    operation: Operation
    access: Access
    ids: list[UUID]
    options: Json
    is_canceled: bool


def carry_out(claim: Claim) -> Ending:
    """Take a bulk run as far as it goes now.

    Raises:
        Later: items are under way, as runs of their own.
    """
    task = _task(claim)
    with claims.writing(claim) as run:
        in_hand.find_again(run)
    with _children_stopped(claim, task):
        _settle(claim, task)
        if not _is_open(claim):
            _begin_all(claim, task)
    tally = items.tally(claim.run_id)
    db.session.rollback()
    is_open = _trips(tally)
    left = len(task.ids) - tally.total()
    if left and not is_open:
        raise Later(f"waiting for {left:,} of {len(task.ids):,}", seconds=LOOK_SECONDS)
    if is_open and left:
        _stop_children(claim, task)
    return _ending(tally, is_open=is_open and bool(left))


def _task(claim: Claim) -> _Task:
    run = db.session.get_one(Run, claim.run_id)
    link = db.session.scalars(
        select(BulkOperationRun).where(BulkOperationRun.run_id == run.id)
    ).one()
    operation = operations.called(link.resource, link.action)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    try:
        access = gate.again(run.user_id, tenant, operation.permission)
    except Forbidden:
        sentence = "Whoever asked for it may no longer do this to these items."
        raise Refused("not_allowed_any_more", sentence) from None
    task = _Task(
        operation=operation,
        access=access,
        ids=[UUID(item_id) for item_id in link.item_ids],
        options=dict(run.metadata_.get("options", {})),
        is_canceled=run.cancel_requested_at is not None,
    )
    db.session.rollback()
    return task


@contextmanager
def _children_stopped(claim: Claim, task: _Task) -> Iterator[None]:
    """Whoever cancels a bulk run cancels what it started and has not ended, too."""
    try:
        if task.is_canceled:
            raise Canceled
        yield
    except Canceled:
        _stop_children(claim, task)
        raise


def _is_open(claim: Claim) -> bool:
    found = _trips(items.tally(claim.run_id))
    db.session.rollback()
    return found


def _trips(tally: Any) -> bool:
    """The circuit breaker: more than half of the first items, and of all so far, failed."""
    return tally.total() >= FIRST and tally["failed"] * 2 > tally.total()


def _begin_all(claim: Claim, task: _Task) -> None:
    known, children = items.known(claim.run_id), _children(claim)
    db.session.rollback()
    begun, ended = len(known), sum(outcome is not None for outcome in known.values())
    for position, item_id in enumerate(task.ids):
        key = task.operation.key_of(item_id)
        if known.get(key) is not None or str(item_id) in children:
            continue
        if key not in known:
            if begun >= FIRST > ended:
                return  # the trial: the first have to end before others begin
            begun += 1
        claim.check()
        ended += _begin(claim, task, position, is_new=key not in known)
        if _is_open(claim):
            return


def _begin(claim: Claim, task: _Task, position: int, *, is_new: bool) -> bool:
    """Do one item's part, or start the run that does; say whether the item has ended."""
    item_id = task.ids[position]
    key = task.operation.key_of(item_id)
    own_id = _take(claim, position, key) if is_new else _chosen_before(claim, key)
    made: tuple[Run, bool] | None = None
    outcome = Outcome(key=key, outcome="succeeded")
    try:
        made = _act(task, item_id, own_id)
    except AppError as error:
        code, sentence = told(error)
        outcome = Outcome(key=key, outcome="failed", code=code, message=sentence)
    child = (made[0].id, made[1]) if made else None
    with claims.writing(claim) as run:
        if child is None:
            items.settle(run, [outcome])
        else:
            in_hand.note_child(run, str(item_id), child[0], is_own=child[1])
    return child is None


def _take(claim: Claim, position: int, key: str) -> UUID:
    """Say that an item is begun."""
    with claims.writing(claim) as run:
        run.phase, run.current_item = "working", key
        items.intend(run, position, key)
        return in_hand.take(run, key)


def _chosen_before(claim: Claim, key: str) -> UUID:
    run = db.session.get_one(Run, claim.run_id, populate_existing=True)
    chosen = in_hand.chosen_for(run, key)
    db.session.rollback()
    return chosen


def _act(task: _Task, item_id: UUID, run_id: UUID) -> tuple[Run, bool] | None:
    return task.operation.function(task.access, item_id, {**task.options, "run_id": str(run_id)})


def _settle(claim: Claim, task: _Task) -> None:
    """Write down the items whose runs have ended since."""
    known, children = items.known(claim.run_id), _children(claim)
    open_ones = {
        UUID(note["run"]): f"{task.operation.resource}:{item_id}"
        for item_id, note in children.items()
        if known.get(f"{task.operation.resource}:{item_id}", "") is None
    }
    query = select(Run).where(Run.id.in_(open_ones), Run.status.not_in(ACTIVE))
    outcomes = [items.outcome_of(open_ones[run.id], run) for run in db.session.scalars(query)]
    db.session.rollback()
    if outcomes:
        with claims.writing(claim) as run:
            items.settle(run, outcomes)


def _stop_children(claim: Claim, task: _Task) -> None:
    own = [UUID(note["run"]) for note in _children(claim).values() if note["is_own"]]
    active = select(Run.id).where(Run.id.in_(own), Run.status.in_(ACTIVE))
    run_ids = list(db.session.scalars(active))
    db.session.rollback()
    for run_id in run_ids:
        with suppress(Conflict):  # it has ended meanwhile
            runs.cancel(task.access, run_id)
    _settle(claim, task)


def _children(claim: Claim) -> dict[str, Any]:
    run = db.session.get_one(Run, claim.run_id, populate_existing=True)
    return dict(run.metadata_.get(in_hand.CHILDREN, {}))


def _ending(tally: Any, *, is_open: bool) -> Ending:
    sentence = "More than half of the first items failed; the others were not begun."
    return Ending(
        counted=Counted(
            done=tally["succeeded"] + tally["partial"],
            failed=tally["failed"] + tally["partial"],
            skipped=tally["skipped"],
            error_code=CIRCUIT_OPEN if is_open else "",
        ),
        error_code=CIRCUIT_OPEN if is_open else None,
        failure_reason=sentence if is_open else None,
        also=close,
    )
