"""Slots: run now, retry, and the history of what became of each."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from webapp.domain.permissions import Permission
from webapp.domain.runs import RunType
from webapp.domain.schedules import SlotStatus, Trigger
from webapp.errors import Conflict
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupScheduleRun, Run, Source
from webapp.services import access as gate
from webapp.services import runs, schedule_slots
from webapp.services.access import Access
from webapp.services.schedules import keeping


def run_now(access: Access, schedule_id: UUID) -> tuple[BackupScheduleRun, Run | None, bool]:
    """Start a schedule's work now, in the first free minute; commits, then rings.

    Returns:
        The slot, its run, and whether they are new: while the schedule's run is queued or
        running, it is that one.

    Raises:
        Forbidden: the role is too small.
        Conflict: the schedule is archived, or the customer not active.
        NotFound: its source was removed.
    """
    return _start(access, keeping.find(access, schedule_id), trigger=Trigger.RUN_NOW)


def retry(access: Access, slot_id: UUID) -> tuple[BackupScheduleRun, Run | None, bool]:
    """Do the work of a slot once more, as a new slot of the same schedule; as ``run_now``.

    Raises:
        Conflict: the slot has not ended, or it succeeded.
    """
    slot = find_slot(access, slot_id)
    if slot.status in {SlotStatus.RUNNING, SlotStatus.SUCCESS}:
        raise Conflict(
            f"Only a slot that ended without success is repeated; this is {slot.status}."
        )
    schedule = keeping.find(access, slot.schedule_id)
    return _start(access, schedule, trigger=Trigger.RETRY, parent_run_id=slot.run_id)


def find_slot(access: Access, slot_id: UUID) -> BackupScheduleRun:
    """One slot of this tenant.

    Raises:
        Forbidden: it is not this tenant's, or there is none.
    """
    access.require(Permission.VIEW)
    return gate.find(access, BackupScheduleRun, slot_id)


def history(
    access: Access, schedule_id: UUID, *, before: datetime | None = None, limit: int = 50
) -> list[BackupScheduleRun]:
    """What became of a schedule's slots, newest first. *before* continues a list."""
    schedule = keeping.find(access, schedule_id)
    query = gate.rows(BackupScheduleRun, access).where(BackupScheduleRun.schedule_id == schedule.id)
    if before is not None:
        query = query.where(BackupScheduleRun.scheduled_for < before)
    newest_first = query.order_by(BackupScheduleRun.scheduled_for.desc())
    return list(db.session.scalars(newest_first.limit(limit)))


def _start(
    access: Access,
    schedule: BackupSchedule,
    *,
    trigger: Trigger,
    parent_run_id: UUID | None = None,
) -> tuple[BackupScheduleRun, Run | None, bool]:
    access.require(Permission.OPERATE)
    if schedule.archived_at is not None:
        raise Conflict("This schedule is archived.")
    gate.find(access, Source, schedule.source_id)
    run, is_new = runs.request(
        access,
        RunType.CAPTURE,
        schedule_slots.SCHEDULED,
        key=schedule_slots.key_of(schedule.id),
        also=lambda run: schedule_slots.take(schedule, run, trigger=trigger, actor=access.actor),
        source_id=schedule.source_id,
        parent_run_id=parent_run_id,
    )
    slot = db.session.scalars(
        select(BackupScheduleRun).where(BackupScheduleRun.run_id == run.id)
    ).one()
    return slot, run, is_new
