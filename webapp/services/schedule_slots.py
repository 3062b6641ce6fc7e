"""Slots of schedules as rows: taking a free minute, repeating one, ending one with its run.

Beside the use cases in ``services/schedules``, since the end of any run comes by here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.schedules import SKIPPED, SlotStatus, Timing, Trigger, status_of
from webapp.domain.slots import next_after, whole_minute
from webapp.extensions import Model, db
from webapp.models import (
    BackupItem,
    BackupSchedule,
    BackupScheduleRun,
    BackupSet,
    Run,
    RunItem,
)
from webapp.models.columns import new_id
from webapp.services import audit

SCHEDULED = "scheduled"  # the action of a run that a schedule asked for
_POLICY = "policy:"


def key_of(schedule_id: UUID) -> str:
    """The lock of a schedule: the idempotency key of its one active run."""
    return f"schedule:{schedule_id}"


def set_name(name: str, scheduled_for: datetime, *, timezone: str) -> str:
    """``{schedule_name} - {Y-m-d H:i}``, in the schedule's zone."""
    return f"{name} - {scheduled_for.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def run_metadata(
    schedule: Any, slot_id: UUID, scheduled_for: datetime, *, trigger: Trigger
) -> dict[str, Any]:
    """What the run of a slot needs beside its columns; *schedule* has a schedule's columns."""
    return {
        "schedule_id": str(schedule.id),
        "slot_id": str(slot_id),
        "scheduled_for": scheduled_for.isoformat(),
        "trigger": str(trigger),
        "set_name": set_name(schedule.name, scheduled_for, timezone=schedule.timezone),
        "backup_type": str(schedule.backup_type),
        "policy_types": list(schedule.policy_types),
        "include_foundations": schedule.include_foundations,
    }


def dispatched(
    metadata: Mapping[str, Any], run_id: UUID, *, source_id: UUID, reason: str = ""
) -> audit.Fact:
    """The audit entry of a slot that becomes a run."""
    told = ("schedule_id", "slot_id", "scheduled_for", "trigger")
    return audit.Fact(
        "schedule.dispatched",
        resource=f"run:{run_id}",
        reason=reason,
        details={"source": str(source_id), **{name: metadata[name] for name in told}},
    )


def insert_new(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Insert the rows that break no unique rule, leave the others; return the ids that went in.

    The keys of *rows* are names of columns.
    """
    if not rows:
        return set()
    db.session.flush()
    table = cast(Table, model.__table__)
    module = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    db.session.execute(module.insert(table).on_conflict_do_nothing(), list(rows))
    ids = [row["id"] for row in rows]
    return set(db.session.scalars(select(table.c.id).where(table.c.id.in_(ids))))


def take(schedule: BackupSchedule, run: Run, *, trigger: Trigger, actor: Actor) -> None:
    """Give a new run the first free minute from now as its slot; the caller commits.

    The dispatcher that comes to this minute finds it taken, and leaves it.
    """
    minute = whole_minute(clock.now())
    slot: dict[str, Any] = {
        "id": new_id(),
        "tenant_id": schedule.tenant_id,
        "schedule_id": schedule.id,
        "trigger": trigger,
        "status": SlotStatus.RUNNING,
        "run_id": run.id,
        "started_at": clock.now(),
    }
    while not insert_new(BackupScheduleRun, [{**slot, "scheduled_for": minute}]):
        minute += timedelta(minutes=1)
    made = run_metadata(schedule, slot["id"], minute, trigger=trigger)
    run.metadata_ = {**run.metadata_, **made}
    fact = dispatched(made, run.id, source_id=schedule.source_id, reason=run.reason)
    audit.record_many(actor, {run.tenant_id: [fact]})


def take_again(run: Run, *, actor: Actor) -> None:
    """Give the repetition of a scheduled run a slot of its own; the caller commits."""
    before = _of_run(run.parent_run_id) if run.parent_run_id else None
    if before is not None:
        schedule = db.session.get_one(BackupSchedule, before.schedule_id)
        take(schedule, run, trigger=Trigger.RETRY, actor=actor)


def close(run: Run) -> None:
    """Let the slot of a run that has just ended, and its schedule, say so; the caller commits."""
    slot = _of_run(run.id) if run.action == SCHEDULED else None
    if slot is None:
        return
    made = db.session.scalar(select(BackupSet).where(BackupSet.run_id == run.id))
    unknown = list(run.metadata_.get("unknown_policy_types", ()))
    slot.status = status_of(
        run.status,
        error_code=run.error_code,
        has_set=made is not None,
        lacks_types=bool(unknown),
    )
    slot.backup_set_id = made.id if made else None
    slot.error_code = run.error_code
    slot.error_message = run.failure_reason or (None if made else run.deciding_rule)
    slot.summary = _summary(run, made, unknown)
    slot.finished_at = run.finished_at
    schedule = db.session.get_one(BackupSchedule, slot.schedule_id, populate_existing=True)
    schedule.last_run_at, schedule.last_run_status = slot.started_at, slot.status
    schedule.next_run_at = next_run(schedule)


def timing(schedule: Any) -> Timing:
    """When a schedule runs; *schedule* has a schedule's columns."""
    return Timing(
        frequency=schedule.frequency,
        timezone=schedule.timezone,
        time_of_day=schedule.time_of_day,
        days_of_week=tuple(schedule.days_of_week),
        cron=schedule.cron,
    )


def next_run(schedule: BackupSchedule) -> datetime | None:
    """The first slot that the dispatcher has not looked at yet."""
    if not schedule.is_enabled or schedule.archived_at is not None:
        return None
    return next_after(timing(schedule), schedule.evaluated_until)


def skipped_because(code: str) -> str:
    return SKIPPED[code]


def _of_run(run_id: UUID) -> BackupScheduleRun | None:
    query = select(BackupScheduleRun).where(BackupScheduleRun.run_id == run_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).first()


def _summary(run: Run, made: BackupSet | None, unknown: list[str]) -> dict[str, Any]:
    """The counts that the original documents name, and those of files."""
    policies = RunItem.item_key.startswith(_POLICY)
    total = select(func.count()).where(RunItem.run_id == run.id, policies)
    types = select(BackupItem.item_type, func.count()).group_by(BackupItem.item_type)
    found = db.session.execute(types.where(BackupItem.backup_set_id == made.id)) if made else ()
    breakdown = {item_type: count for item_type, count in found}
    return {
        "policies_total": db.session.scalar(total) or 0,
        "policies_backed_up": breakdown.get("policy", 0),
        "errors_count": run.failed,
        "type_breakdown": breakdown,
        "warnings": [run.deciding_rule] if run.has_shrunk and run.deciding_rule else [],
        "unknown_policy_types": unknown,
        "items_total": sum(breakdown.values()),
        "files_total": run.total_items or 0,
        "files_backed_up": run.succeeded,
        "files_skipped": run.skipped,
        "bytes_total": made.total_size if made else 0,
    }
