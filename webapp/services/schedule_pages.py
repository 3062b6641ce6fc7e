"""What lists and pages of schedules show. A constant number of queries, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import joinedload

from webapp import clock
from webapp.domain import schedule_words
from webapp.domain.permissions import Permission
from webapp.domain.schedules import SKIPPED, SlotStatus
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupSchedule,
    BackupScheduleRun,
    Source,
    Tenant,
    TenantStatus,
)
from webapp.services import access as gate
from webapp.services import schedules
from webapp.services.access import Access

PAGE, HISTORY = 200, 50
_LATE = timedelta(minutes=5)  # the dispatcher comes each minute


class State(StrEnum):
    """What a schedule does at present. The word is that of its badge."""

    ACTIVE = "active"
    OVERDUE = "overdue"
    PAUSED = "paused"
    DISABLED = "disabled"
    ARCHIVED = "archived"
    STOPPED = "stopped"  # its source or its tenant is not in use any more


class Part(StrEnum):
    """Which schedules a list shows."""

    LIVE = ""
    TROUBLED = "troubled"
    RESTING = "resting"
    ARCHIVED = "archived"


@dataclass(frozen=True, kw_only=True)
class ScheduleRow:
    """Attributes:
    why: what keeps it from running, or what went wrong; empty if all is well.
    next_run_at: None if it will not run by itself.
    """

    schedule: BackupSchedule
    tenant: Tenant
    state: State
    why: str
    rule: str
    next_run_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """One slot of a schedule's history. *why*: what a person needs to know about its end."""

    slot: BackupScheduleRun
    why: str

    @property
    def is_under_way(self) -> bool:
        return self.slot.status is SlotStatus.RUNNING

    @property
    def can_be_retried(self) -> bool:
        return self.slot.status not in {SlotStatus.RUNNING, SlotStatus.SUCCESS}


def rows(access: Access, part: Part = Part.LIVE, *, offset: int = 0) -> list[ScheduleRow]:
    """The tenant's schedules, the next to run first."""
    access.require(Permission.VIEW)
    return rows_of([access.tenant], part, offset=offset)


def rows_of(
    tenants: Sequence[Tenant], part: Part = Part.LIVE, *, offset: int = 0
) -> list[ScheduleRow]:
    """The schedules of *tenants*, which the caller may see. One query."""
    return _found(tenants, _condition(part), offset=offset)


def counts(tenants: Sequence[Tenant]) -> dict[Part, int]:
    """How many schedules each part of the list has. One query."""
    of_parts = [func.count().filter(_condition(part)) for part in Part]
    query = select(*of_parts).where(BackupSchedule.tenant_id.in_([t.id for t in tenants]))
    return dict(zip(Part, db.session.execute(query).one(), strict=True))


def of_source(access: Access, source: Source) -> list[ScheduleRow]:
    """The schedules of one source that are not archived."""
    access.require(Permission.VIEW)
    is_of_it = and_(BackupSchedule.source_id == source.id, _condition(Part.LIVE))
    return _found([access.tenant], is_of_it)


def row(access: Access, schedule: BackupSchedule) -> ScheduleRow:
    access.require(Permission.VIEW)
    return _row(schedule, access.tenant, clock.now())


def history(
    access: Access, schedule: BackupSchedule, *, before: datetime | None = None
) -> list[SlotRow]:
    """Its slots, newest first, with their runs loaded; *before* continues the list."""
    access.require(Permission.VIEW)
    query = gate.rows(BackupScheduleRun, access).where(BackupScheduleRun.schedule_id == schedule.id)
    if before is not None:
        query = query.where(BackupScheduleRun.scheduled_for < before)
    query = query.order_by(BackupScheduleRun.scheduled_for.desc()).limit(HISTORY)
    query = query.options(joinedload(BackupScheduleRun.run))
    return [SlotRow(slot=slot, why=_why(slot)) for slot in db.session.scalars(query)]


def last_change(access: Access, schedule: BackupSchedule) -> AuditEntry | None:
    """What the audit log says last about a schedule: who did something to it, and when."""
    access.require(Permission.VIEW_AUDIT)
    query = gate.rows(AuditEntry, access).where(
        AuditEntry.chain == access.tenant.id, AuditEntry.resource == f"schedule:{schedule.id}"
    )
    return db.session.scalar(query.order_by(AuditEntry.seq.desc()).limit(1))


def _found(
    tenants: Sequence[Tenant], condition: ColumnElement[bool], *, offset: int = 0
) -> list[ScheduleRow]:
    by_id = {tenant.id: tenant for tenant in tenants}
    first = (BackupSchedule.next_run_at.is_(None), BackupSchedule.next_run_at)
    query = (
        select(BackupSchedule)
        .where(BackupSchedule.tenant_id.in_(by_id), condition)
        .options(joinedload(BackupSchedule.source))
        .order_by(*first, BackupSchedule.name, BackupSchedule.id)
        .limit(PAGE)
        .offset(offset)
    )
    at = clock.now()
    return [_row(found, by_id[found.tenant_id], at) for found in db.session.scalars(query)]


def _condition(part: Part) -> ColumnElement[bool]:
    is_there, now = BackupSchedule.archived_at.is_(None), clock.now()
    is_paused = func.coalesce(BackupSchedule.paused_until > now, false())
    if part is Part.ARCHIVED:
        return BackupSchedule.archived_at.is_not(None)
    if part is Part.RESTING:
        return and_(is_there, or_(BackupSchedule.is_enabled.is_(False), is_paused))
    if part is Part.TROUBLED:
        went_wrong = BackupSchedule.last_run_status.in_((SlotStatus.FAILED, SlotStatus.PARTIAL))
        is_late = BackupSchedule.next_run_at < now - _LATE
        is_awake = and_(BackupSchedule.is_enabled.is_(True), ~is_paused)
        return and_(is_there, or_(went_wrong, and_(is_late, is_awake)))
    return is_there


def _row(schedule: BackupSchedule, tenant: Tenant, at: datetime) -> ScheduleRow:
    state, why = _state(schedule, tenant, at)
    runs_by_itself = state in {State.ACTIVE, State.OVERDUE, State.PAUSED}
    return ScheduleRow(
        schedule=schedule,
        tenant=tenant,
        state=state,
        why=why or _last(schedule),
        rule=schedule_words.when(schedules.draft_of(schedule)),
        next_run_at=schedule.next_run_at if runs_by_itself else None,
    )


def _state(schedule: BackupSchedule, tenant: Tenant, at: datetime) -> tuple[State, str]:
    if schedule.archived_at is not None:
        return State.ARCHIVED, "It never runs again. Its history stays."
    if schedule.source.removed_at is not None:
        return State.STOPPED, "Its source was removed, so it does not run. Archive it."
    if tenant.status is not TenantStatus.ACTIVE:
        return State.STOPPED, f"{tenant.name} is {tenant.status}; nothing runs."
    if not schedule.is_enabled:
        return State.DISABLED, "It does not run until somebody enables it."
    if schedule.paused_until is not None and schedule.paused_until > at:
        return State.PAUSED, ""
    if schedule.next_run_at is not None and schedule.next_run_at < at - _LATE:
        return State.OVERDUE, "It should have run already. Is the scheduler running?"
    return State.ACTIVE, ""


def _last(schedule: BackupSchedule) -> str:
    return {
        SlotStatus.FAILED: "Its last run failed.",
        SlotStatus.PARTIAL: "Its last run left something out.",
    }.get(schedule.last_run_status or SlotStatus.SUCCESS, "")


def _why(slot: BackupScheduleRun) -> str:
    """The slot's own reason, else that of its run: while it waits, or how it ended."""
    if slot.status is SlotStatus.SUCCESS:
        return ""
    own = slot.error_message or SKIPPED.get(slot.error_code or "", "")
    if own or slot.run is None:
        return own
    return slot.run.failure_reason or slot.run.waits_for
