"""The items of a bulk run: exactly one row each, in the order of the run's list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update

from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Run, RunItem
from webapp.models.columns import new_id

_MOST_CHARACTERS = 500
_OF_RUN = {
    RunState.SUCCEEDED: ("succeeded", ""),
    RunState.PARTIAL: ("partial", "partial"),
    RunState.FAILED: ("failed", "failed"),
    RunState.CANCELED: ("skipped", "canceled"),
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """``partial``: something of the item was done, and something failed."""

    key: str
    outcome: str  # succeeded, partial, failed, skipped
    code: str = ""
    message: str = ""


def outcome_of(key: str, run: Run) -> Outcome:
    """An item's outcome is the end of the run that was made for it."""
    outcome, code = _OF_RUN[run.status]
    if outcome == "succeeded":
        return Outcome(key=key, outcome=outcome)
    message = run.failure_reason or run.deciding_rule or ""
    return Outcome(key=key, outcome=outcome, code=run.error_code or code, message=message)


def known(run_id: UUID) -> dict[str, str | None]:
    """The outcome of each item that was begun; None for those under way."""
    query = select(RunItem.item_key, RunItem.outcome).where(RunItem.run_id == run_id)
    return {key: outcome for key, outcome in db.session.execute(query)}


def tally(run_id: UUID) -> Counter[str]:
    """How many items ended how."""
    query = (
        select(RunItem.outcome, func.count())
        .where(RunItem.run_id == run_id, RunItem.outcome.is_not(None))
        .group_by(RunItem.outcome)
    )
    return Counter({str(outcome): count for outcome, count in db.session.execute(query)})


def intend(run: Run, position: int, key: str) -> None:
    """Say that an item is about to be worked on. The caller commits."""
    row = {**_row(run, position, key), "intent_at": clock.now(), "outcome": None}
    db.session.execute(insert(RunItem), [row])


def settle(run: Run, outcomes: Iterable[Outcome]) -> None:
    """Write what became of items that were begun, and move the counters. The caller commits."""
    found = list(outcomes)
    if not found:
        return
    now = clock.now()
    statement = (
        update(RunItem.__table__)  # type: ignore[arg-type]
        .where(RunItem.run_id == run.id, RunItem.item_key == bindparam("key"))
        .values({name: bindparam(f"new_{name}") for name in _SETTLED})
    )
    rows = [
        {"key": one.key, "new_outcome": one.outcome, "new_reason_code": one.code,
         "new_message": one.message[:_MOST_CHARACTERS], "new_finished_at": now}
        for one in found
    ]  # fmt: skip
    db.session.connection().execute(statement, rows)
    _count(run, Counter(one.outcome for one in found))


_SETTLED = ("outcome", "reason_code", "message", "finished_at")


def leave(run: Run, rest: Mapping[str, int], *, code: str, message: str) -> None:
    """Note items (with their positions) that are not begun any more. The caller commits."""
    now = clock.now()
    rows = [
        {**_row(run, position, key), "outcome": "skipped", "reason_code": code,
         "message": message, "finished_at": now, "intent_at": None}
        for key, position in rest.items()
    ]  # fmt: skip
    if rows:
        db.session.execute(insert(RunItem), rows)
        _count(run, Counter({"skipped": len(rows)}))


def _row(run: Run, position: int, key: str) -> dict[str, Any]:
    return {
        "id": new_id(), "tenant_id": run.tenant_id, "run_id": run.id, "position": position,
        "item_key": key, "action": run.action,
    }  # fmt: skip


def _count(run: Run, counts: Counter[str]) -> None:
    run.processed_items += counts.total()
    run.succeeded += counts["succeeded"]
    run.failed += counts["failed"] + counts["partial"]
    run.skipped += counts["skipped"]
