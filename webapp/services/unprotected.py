"""Sources that are unprotected or overdue, why, and what helps: of one tenant, or of all one's own.

Which ones, and in what order, is one query over all sources; what is said of each is looked up for
the few that are shown. A constant number of queries for a page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from webapp.domain import exposure as rules
from webapp.domain.actors import Actor
from webapp.domain.exposure import Exposure, Facts, Help, Planned
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import is_whole
from webapp.domain.runs import ACTIVE, RunType
from webapp.extensions import db
from webapp.models import BackupSchedule, Run, Source, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import source_facts
from webapp.services.access import Access

PAGE = 50
_AT_ONCE = 500  # ids in one query
_Condition = ColumnElement[bool]

# What each help needs; the others only lead somewhere.
_NEEDS = {Help.CAPTURE: Permission.OPERATE, Help.ADD_SCHEDULE: Permission.MANAGE}


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """One source on the list.

    Attributes:
        helps: what this person can do about it, the most useful first.
        run_id: the capture to watch, or the one to look at.
        schedule_id: the schedule to look at.
    """

    tenant: Tenant
    source_id: UUID
    name: str
    exposure: Exposure
    why: str
    helps: tuple[Help, ...]
    target_minutes: int
    newest_good_at: datetime | None
    is_running: bool
    run_id: UUID | None
    schedule_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Some rows of the list, the most urgent first, and how many there are of each sort.
    *sources*: how many were looked at."""

    rows: list[Exposed]
    counts: dict[Exposure, int]
    sources: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def everywhere(actor: Actor, *, at: datetime, offset: int = 0, limit: int | None = PAGE) -> Found:
    """Of all active tenants that the actor may see; in the others nothing is to be captured."""
    scope = (*gate.seen_by(actor), Tenant.status == TenantStatus.ACTIVE)
    return _found(actor, scope, at=at, part=(offset, limit))


def of_tenant(access: Access, *, at: datetime, offset: int = 0, limit: int | None = PAGE) -> Found:
    """Of one tenant, active or not."""
    access.require(Permission.VIEW)
    return _found(access.actor, (Tenant.id == access.tenant.id,), at=at, part=(offset, limit))


def as_document(row: Exposed) -> dict[str, Any]:
    """A row as scripts see it."""
    return {
        "tenant": row.tenant.slug,
        "source": row.name,
        "source_id": str(row.source_id),
        "exposure": row.exposure,
        "why": row.why,
        "target_minutes": row.target_minutes,
        "newest_good_at": row.newest_good_at,
        "is_running": row.is_running,
    }


def _found(
    actor: Actor, scope: tuple[_Condition, ...], *, at: datetime, part: tuple[int, int | None]
) -> Found:
    exposed = list(db.session.execute(_exposed(scope, at, part)))
    counted = exposed[0]._mapping if exposed else {}
    counts = {one: counted.get(f"n_{one}", 0) for one in Exposure}
    rows: list[Exposed] = []
    for start in range(0, len(exposed), _AT_ONCE):
        some = exposed[start : start + _AT_ONCE]
        tenants = gate.enter_each(actor, {one.tenant_id for one in some})
        details = _Details([one.source_id for one in some])
        rows += [_row(one, tenants[one.tenant_id], details, at) for one in some]
    return Found(rows=rows, counts=counts, sources=_count(scope))


def _exposed(scope: tuple[_Condition, ...], at: datetime, part: tuple[int, int | None]) -> Any:
    """The sources on the list in its order, each with the counts of all."""
    scheduled = source_facts.is_scheduled(at).label("is_scheduled")
    known = source_facts.known(scope, Source.name.label("name"), scheduled)
    strain = source_facts.strain(known, at)
    sort = case(
        (known.c.good_at.is_(None), Exposure.NEVER.rank),
        (strain > 1, Exposure.OVERDUE.rank),
        else_=Exposure.UNSCHEDULED.rank,
    ).label("sort")
    counts = [func.count().filter(sort == one.rank).over().label(f"n_{one}") for one in Exposure]
    offset, limit = part
    return (
        select(known, sort, *counts)
        .join(Tenant, Tenant.id == known.c.tenant_id)
        .where(or_(known.c.good_at.is_(None), strain > 1, ~known.c.is_scheduled))
        .order_by(sort, strain.desc(), Tenant.name, known.c.name, known.c.source_id)
        .offset(offset)
        .limit(limit)
    )


def _count(scope: tuple[_Condition, ...]) -> int:
    query = select(func.count()).select_from(Source).join(Tenant, Tenant.id == Source.tenant_id)
    return db.session.scalar(query.where(Source.removed_at.is_(None), *scope)) or 0


class _Details:
    """What is said of the sources that are shown, by source."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        self.last = {row.id: row for row in db.session.execute(_last(ids))}
        self.active = _active(ids)
        self.schedules: defaultdict[UUID, list[BackupSchedule]] = defaultdict(list)
        for schedule in _schedules(ids):
            self.schedules[schedule.source_id].append(schedule)


def _row(found: Row[Any], access: Access, details: _Details, at: datetime) -> Exposed:
    last, active = details.last[found.source_id], details.active.get(found.source_id)
    schedules = details.schedules[found.source_id]
    facts = Facts(
        zone=access.tenant.timezone,
        target_minutes=found.target,
        newest_good_at=found.good_at,
        last_state=last.status,
        last_reason=last.failure_reason or last.deciding_rule or "",
        is_running=active is not None,
        schedules=[_planned(schedule, last.kind) for schedule in schedules],
    )
    place = rules.chosen(facts.schedules, at)
    return Exposed(
        tenant=access.tenant,
        source_id=found.source_id,
        name=found.name,
        exposure=list(Exposure)[found.sort],
        why=rules.why(facts, at=at),
        helps=_allowed(rules.helps(facts, at=at), access),
        target_minutes=found.target,
        newest_good_at=found.good_at,
        is_running=active is not None,
        run_id=active or last.run_id,
        schedule_id=None if place is None else schedules[place].id,
    )


def _allowed(helps: tuple[Help, ...], access: Access) -> tuple[Help, ...]:
    return tuple(one for one in helps if one not in _NEEDS or access.may(_NEEDS[one]))


def _planned(schedule: BackupSchedule, kind: str) -> Planned:
    return Planned(
        name=schedule.name,
        is_enabled=schedule.is_enabled,
        is_whole=is_whole(kind, schedule.backup_type),
        paused_until=schedule.paused_until,
        next_run_at=schedule.next_run_at,
    )


def _last(ids: Collection[UUID]) -> Any:
    """Each source's kind, and its newest capture that ended by itself."""
    run = aliased(Run)
    return (
        select(
            Source.id, Source.kind, run.id.label("run_id"), run.status, run.failure_reason,
            run.deciding_rule,
        )
        .outerjoin(run, run.id == source_facts.last_capture(Run.id))
        .where(Source.id.in_(ids))
    )  # fmt: skip


def _active(ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The capture under way of each source that has one."""
    query = select(Run.source_id, Run.id).where(
        and_(Run.status.in_(ACTIVE), Run.run_type == RunType.CAPTURE, Run.source_id.in_(ids))
    )
    return {source_id: run_id for source_id, run_id in db.session.execute(query) if source_id}


def _schedules(ids: Collection[UUID]) -> list[BackupSchedule]:
    query = select(BackupSchedule).where(
        BackupSchedule.source_id.in_(ids), BackupSchedule.archived_at.is_(None)
    )
    return list(db.session.scalars(query.order_by(BackupSchedule.next_run_at, BackupSchedule.id)))
