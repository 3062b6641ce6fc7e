"""The stored facts that alerts are made of, for all active customers at once.

A constant number of queries; plain columns, so that thousands of sources take no time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from webapp.domain import alerts
from webapp.domain.alerts import Found, ScheduleFacts, SourceFacts
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import SlotStatus
from webapp.extensions import db
from webapp.models import (
    BackupSchedule,
    BackupScheduleRun,
    Run,
    Source,
    Tenant,
    TenantStatus,
    VaultRecord,
)
from webapp.services import source_facts


def found(*, at: datetime) -> Iterator[tuple[UUID, Found]]:
    """Every condition that holds now, with its tenant."""
    yield from _of_sources(at)
    yield from _of_schedules(at)
    yield from _of_tenants(at)


def _of_sources(at: datetime) -> Iterator[tuple[UUID, Found]]:
    for row in db.session.execute(_sources()):
        facts = SourceFacts(
            source_id=str(row.id),
            name=row.name,
            zone=row.timezone,
            target_minutes=row.own_target or row.target,
            newest_good_at=row.good_at,
            watched_since=row.created_at,
        )
        one = alerts.source_overdue(facts, at=at)
        if one is not None:
            yield row.tenant_id, one


def _of_schedules(at: datetime) -> Iterator[tuple[UUID, Found]]:
    rows = list(db.session.execute(_schedules()))
    working: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        if _schedule(row).works(at):
            working[row.source_id].add(row.id)
    for row in rows:
        facts = _schedule(row, has_stand_in=bool(working[row.source_id] - {row.id}))
        for rule in (alerts.schedule_paused, alerts.schedule_overdue, alerts.retention_overdue):
            one = rule(facts, at=at)
            if one is not None:
                yield row.tenant_id, one
    yield from _silent(rows, at)


def _silent(rows: list[Row[Any]], at: datetime) -> Iterator[tuple[UUID, Found]]:
    by_tenant: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if _schedule(row).works(at):
            by_tenant[row.tenant_id].append(row)
    for tenant_id, of_tenant in by_tenant.items():
        one = alerts.silence(
            {row.frequency for row in of_tenant},
            watched_since=min(row.created_at for row in of_tenant),
            last_at=of_tenant[0].last_capture_at,
            at=at,
        )
        if one is not None:
            yield tenant_id, one


def _of_tenants(at: datetime) -> Iterator[tuple[UUID, Found]]:
    waits = {row[0]: row[1] for row in db.session.execute(_waiting(at))}
    for row in db.session.execute(_tenants()):
        for one in (
            alerts.quota(row.stored_bytes or 0, row.quota_bytes),
            alerts.work_waits(waits.get(row.id), zone=row.timezone, at=at),
        ):
            if one is not None:
                yield row.id, one


def _schedule(row: Row[Any], *, has_stand_in: bool = False) -> ScheduleFacts:
    return ScheduleFacts(
        schedule_id=str(row.id),
        name=row.name,
        source_name=row.source_name,
        zone=row.zone,
        target_minutes=row.own_target or row.target,
        is_enabled=row.is_enabled,
        paused_until=row.paused_until,
        next_run_at=row.next_run_at,
        last_run_at=row.last_run_at,
        created_at=row.created_at,
        retention_ran_at=row.retention_ran_at,
        first_set_at=row.first_set_at,
        has_stand_in=has_stand_in,
    )


def _sources() -> Any:
    return (
        select(
            Source.id, Source.tenant_id, Source.name, Source.created_at,
            Source.recovery_point_minutes.label("own_target"),
            Tenant.recovery_point_minutes.label("target"), Tenant.timezone,
            source_facts.newest_good_at().label("good_at"),
        )
        .join(Tenant, Tenant.id == Source.tenant_id)
        .where(Source.removed_at.is_(None), Tenant.status == TenantStatus.ACTIVE)
    )  # fmt: skip


def _schedules() -> Any:
    made = (SlotStatus.SUCCESS, SlotStatus.PARTIAL)
    first_set_at = (  # only of the few schedules whose retention never ran
        select(func.min(BackupScheduleRun.started_at))
        .where(
            BackupScheduleRun.schedule_id == BackupSchedule.id,
            BackupScheduleRun.status.in_(made),
            BackupSchedule.retention_ran_at.is_(None),
        )
        .correlate(BackupSchedule)
        .scalar_subquery()
    )
    last_capture_at = (
        select(Run.queued_at)
        .where(
            Run.tenant_id == BackupSchedule.tenant_id,
            Run.run_type == RunType.CAPTURE,
            Run.started_at.is_not(None),
        )
        .order_by(Run.queued_at.desc())
        .limit(1)
        .correlate(BackupSchedule)
        .scalar_subquery()
    )
    schedule = BackupSchedule
    return (
        select(
            schedule.id, schedule.tenant_id, schedule.source_id, schedule.name,
            schedule.is_enabled, schedule.frequency, schedule.paused_until, schedule.next_run_at,
            schedule.last_run_at, schedule.created_at, schedule.retention_ran_at,
            Source.name.label("source_name"), Source.recovery_point_minutes.label("own_target"),
            Tenant.recovery_point_minutes.label("target"), Tenant.timezone.label("zone"),
            first_set_at.label("first_set_at"), last_capture_at.label("last_capture_at"),
        )
        .join(Source, Source.id == schedule.source_id)
        .join(Tenant, Tenant.id == schedule.tenant_id)
        .where(schedule.archived_at.is_(None), Source.removed_at.is_(None))
        .where(Tenant.status == TenantStatus.ACTIVE)
    )  # fmt: skip


def _tenants() -> Any:
    return (
        select(Tenant.id, Tenant.timezone, Tenant.quota_bytes, VaultRecord.stored_bytes)
        .outerjoin(VaultRecord, VaultRecord.tenant_id == Tenant.id)
        .where(Tenant.status == TenantStatus.ACTIVE)
    )


def _waiting(at: datetime) -> Any:
    """Since when each tenant's oldest run waits for a worker alone; not for a time, a window, …"""
    return (
        select(Run.tenant_id, func.min(func.coalesce(Run.not_before, Run.queued_at)))
        .where(
            Run.status == RunState.QUEUED,
            Run.waits_for == "",
            func.coalesce(Run.not_before, Run.queued_at) <= at,
        )
        .group_by(Run.tenant_id)
    )
