"""The record of a restore, item by item: intents before writes, outcomes after.

A write and a commit cannot be one act. So a small batch of intents is committed first, and its
outcomes afterwards; an intent without an outcome is in doubt when another worker takes over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from webapp import clock
from webapp.connectors.base import REASONS, Action, Planned
from webapp.domain.actors import Actor
from webapp.extensions import db
from webapp.models import PlanItem, Run, RunItem, Tenant
from webapp.models.columns import new_id
from webapp.services import audit

_COLUMNS = (
    "position", "item_key", "kind", "action", "before_hash", "after_hash", "size_before",
    "size_after", "reason", "reason_code",
)  # fmt: skip
IN_DOUBT = "in_doubt"
NOT_TRIED = "Not tried: the restore ended before its turn came."
_LISTED = 1000
_MOST_CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the plan that has still to be carried out.

    ``in_doubt``: an earlier worker said that it would write it, and not that it had.
    """

    position: int
    planned: Planned
    in_doubt: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one row."""

    row: Row
    outcome: str  # succeeded, failed, skipped
    code: str = ""
    message: str = ""
    reached: str = ""


def rows_left(run_id: UUID, plan_id: UUID) -> list[Row]:
    """The rows of the plan, in its order, that have no outcome yet. Unchanged ones have no part."""
    known = {
        key: outcome
        for key, outcome in db.session.execute(
            select(RunItem.item_key, RunItem.outcome).where(RunItem.run_id == run_id)
        )
    }
    query = (
        select(*(getattr(PlanItem, name) for name in _COLUMNS))
        .where(PlanItem.plan_id == plan_id, PlanItem.action != Action.UNCHANGED.value)
        .order_by(PlanItem.position)
    )
    return [
        Row(position=row.position, planned=planned_of(row), in_doubt=row.item_key in known)
        for row in db.session.execute(query)
        if known.get(row.item_key) is None
    ]


def folders_to_mend(run_id: UUID, plan_id: UUID) -> list[Planned]:
    """Folders, unchanged ones too, that hold something an earlier worker of this run wrote.

    Their times are set last, by whoever ends the restore, who must know of them.
    """
    query = select(RunItem.item_key).where(RunItem.run_id == run_id, RunItem.intent_at.is_not(None))
    touched: set[str] = set()
    for key in db.session.scalars(query):
        touched |= {key, _above(key)}
    folders = (
        select(*(getattr(PlanItem, name) for name in _COLUMNS))
        .where(
            PlanItem.plan_id == plan_id,
            PlanItem.kind == "folder",
            PlanItem.action.in_(("create", "update", "unchanged")),
        )
        .order_by(PlanItem.position)
    )
    return [planned_of(row) for row in db.session.execute(folders) if row.item_key in touched]


def _above(key: str) -> str:
    section, _, path = key.partition(":")
    return f"{section}:{path.rpartition('/')[0]}"


def planned_of(row: Any) -> Planned:
    """A stored row in the connector's words."""
    return Planned(
        key=row.item_key,
        action=Action(row.action),
        before=row.before_hash,
        after=row.after_hash,
        reason=row.reason,
        reason_code=row.reason_code,
        size_before=row.size_before,
        size_after=row.size_after,
        kind=row.kind,
    )


def intend(run: Run, rows: Sequence[Row]) -> None:
    """Say of each row that it is about to be written. The caller commits, then writes."""
    now = clock.now()
    fresh = [
        {**_item(run, row.position, row.planned), "intent_at": now, "outcome": None}
        for row in rows
        if not row.in_doubt
    ]
    if fresh:
        db.session.execute(insert(RunItem), fresh)


def settle(run: Run, outcomes: Sequence[Outcome], actor: Actor) -> None:
    """Write down what became of the rows: items, counters, one audit entry. The caller commits."""
    if not outcomes:
        return
    now = clock.now()
    statement = (
        update(RunItem.__table__)  # type: ignore[arg-type]
        .where(RunItem.run_id == run.id, RunItem.item_key == bindparam("key"))
        .values({name: bindparam(f"new_{name}") for name in _SETTLED})
    )
    db.session.connection().execute(statement, [_settled(found, now) for found in outcomes])
    count(run, Counter(found.outcome for found in outcomes))
    _audit(run, outcomes, actor)


_SETTLED = ("outcome", "reason_code", "message", "after_hash", "finished_at")


def _settled(found: Outcome, now: object) -> dict[str, Any]:
    return {
        "key": found.row.planned.key, "new_outcome": found.outcome, "new_reason_code": found.code,
        "new_message": found.message[:_MOST_CHARACTERS], "new_after_hash": found.reached,
        "new_finished_at": now,
    }  # fmt: skip


def count(run: Run, counts: Counter[str]) -> None:
    """Move the run's counters on, in the transaction that writes the items."""
    run.processed_items += counts.total()
    run.succeeded += counts["succeeded"]
    run.failed += counts["failed"]
    run.skipped += counts["skipped"]


def leave(
    run: Run, rows: Sequence[Row], *, code: str, message: str, outcome: str = "skipped"
) -> None:
    """Note rows that are not written at all. The caller commits."""
    if not rows:
        return
    now = clock.now()
    items = [
        {
            **_item(run, row.position, row.planned), "outcome": outcome,
            "reason_code": row.planned.reason_code or code,
            "message": (row.planned.reason if row.planned.reason_code else message),
            "finished_at": now, "intent_at": None,
        }
        for row in rows
    ]  # fmt: skip
    db.session.execute(insert(RunItem), items)
    count(run, Counter({outcome: len(items)}))


def close_open(run: Run) -> None:
    """Say of items whose outcome nobody will find out any more that it is not known, and of those
    whose turn never came that they were not tried. The caller commits."""
    message = "The restore ended before it was known whether this was written. Compare it."
    closed = db.session.scalars(
        update(RunItem)
        .where(RunItem.run_id == run.id, RunItem.outcome.is_(None))
        .values(outcome="failed", reason_code=IN_DOUBT, message=message, finished_at=clock.now())
        .returning(RunItem.id)
        .execution_options(synchronize_session=False)
    ).all()
    count(run, Counter({"failed": len(closed)}))
    if run.total_items is not None:  # it was looked at, so that it is known what it was to do
        rest = rows_left(run.id, UUID(run.metadata_["plan_id"]))
        leave(run, rest, code="not_attempted", message=NOT_TRIED)


def refuse(run: Run, moved: Sequence[tuple[int, str, str, str]]) -> None:
    """Note items that have changed since the preview, as failed. The caller commits."""
    now = clock.now()
    items = [
        {
            "id": new_id(), "tenant_id": run.tenant_id, "run_id": run.id, "position": position,
            "item_key": key, "action": action, "before_hash": before, "outcome": "failed",
            "reason_code": "target_changed", "message": REASONS["target_changed"],
            "finished_at": now,
        }
        for position, key, action, before in moved
    ]  # fmt: skip
    if items:
        db.session.execute(insert(RunItem), items)
        count(run, Counter({"failed": len(items)}))


def _item(run: Run, position: int, planned: Planned) -> dict[str, Any]:
    return {
        "id": new_id(), "tenant_id": run.tenant_id, "run_id": run.id, "position": position,
        "item_key": planned.key, "action": planned.action.value, "before_hash": planned.before,
        "size": planned.size_after if planned.size_after is not None else planned.size_before,
    }  # fmt: skip


def _audit(run: Run, outcomes: Sequence[Outcome], actor: Actor) -> None:
    """Every item that was changed, by a page of some dozens, with before and after."""
    changed = [
        {
            "key": found.row.planned.key,
            "action": found.row.planned.action.value,
            "before": found.row.planned.before,
            "after": found.reached,
        }
        for found in outcomes
        if found.outcome == "succeeded" or found.reached
    ]
    if not changed:
        return
    audit.record(
        actor,
        "restore.items_changed",
        tenant=db.session.get_one(Tenant, run.tenant_id),
        resource=f"run:{run.id}",
        details={"items": changed},
    )


def results_of(run_id: UUID) -> dict[str, Any]:
    """What ``restore_runs.results`` keeps: counts and the first items; ``run_items`` has all."""
    query = select(RunItem.item_key, RunItem.action, RunItem.outcome, RunItem.reason_code).where(
        RunItem.run_id == run_id
    )
    items = db.session.execute(query.order_by(RunItem.position)).all()
    return {
        "counts": dict(Counter(f"{row.action} {row.outcome}" for row in items)),
        "items": [
            {
                "key": row.item_key,
                "action": row.action,
                "outcome": row.outcome,
                "reason_code": row.reason_code,
            }
            for row in items[:_LISTED]
        ],
        "is_complete": len(items) <= _LISTED,
    }
