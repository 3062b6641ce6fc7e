"""What lists and pages of sources show beside the sources themselves.

A constant number of queries for any number of sources.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from webapp import clock
from webapp.domain.health import Facts, Health, judge
from webapp.domain.permissions import Permission
from webapp.domain.runs import ACTIVE, RunType
from webapp.extensions import db
from webapp.models import IS_ACTIVE, BackupSet, Run, Source, Tenant
from webapp.services import access as gate
from webapp.services import source_facts
from webapp.services.access import Access


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """One source with what is known of its safety.

    Attributes:
        target_minutes: how old its newest good restore point may be.
        active_run: the capture under way, if there is one.
    """

    source: Source
    health: Health
    why: str
    target_minutes: int
    newest_good_at: datetime | None
    points: int
    stored_bytes: int
    last_run: Run | None
    active_run: Run | None

    @property
    def age_seconds(self) -> float | None:
        if self.newest_good_at is None:
            return None
        return (clock.now() - self.newest_good_at).total_seconds()


def rows(access: Access) -> list[SourceRow]:
    """The tenant's sources, worst first."""
    access.require(Permission.VIEW)
    query = gate.rows(Source, access).where(Source.removed_at.is_(None)).order_by(Source.name)
    return of(list(db.session.scalars(query)), [access.tenant])


def row(access: Access, source: Source) -> SourceRow:
    access.require(Permission.VIEW)
    return of([source], [access.tenant])[0]


def of(sources: Sequence[Source], tenants: Sequence[Tenant]) -> list[SourceRow]:
    """Rows for *sources*, which belong to *tenants*; worst first, then by name."""
    ids = [tenant.id for tenant in tenants]
    targets = {tenant.id: tenant.recovery_point_minutes for tenant in tenants}
    # The page of one source does not count what the others have.
    asked = _Asked(ids, sources[0].id if len(sources) == 1 else None)
    points, ended, active = _points(asked), _last_captures(asked), _active_captures(asked)
    found = [
        _row(
            source,
            targets[source.tenant_id],
            points=points.get(source.id, _NOTHING),
            last_run=ended.get(source.id),
            active_run=active.get(source.id),
        )
        for source in sources
    ]
    return sorted(found, key=lambda row: row.health.rank)


def check_under_way(access: Access, source: Source) -> Run | None:
    """The live check of this source that is queued or running."""
    access.require(Permission.VIEW)
    query = gate.rows(Run, access).where(
        Run.source_id == source.id,
        Run.run_type == RunType.MAINTENANCE,
        Run.action == "check",
        Run.status.in_(ACTIVE),
    )
    return db.session.scalar(query.limit(1))


class _Asked(NamedTuple):
    """Sources of these tenants, or one of them alone."""

    tenant_ids: Collection[UUID]
    source_id: UUID | None


@dataclass(frozen=True)
class _Points:
    newest_good_at: datetime | None
    count: int
    stored_bytes: int


_NOTHING = _Points(None, 0, 0)


def _row(
    source: Source,
    tenant_minutes: int,
    *,
    points: _Points,
    last_run: Run | None,
    active_run: Run | None,
) -> SourceRow:
    target = source.recovery_point_minutes or tenant_minutes
    facts = Facts(
        target_minutes=target,
        newest_good_at=points.newest_good_at,
        last_state=last_run.status if last_run else None,
        last_reason=(last_run.failure_reason or last_run.deciding_rule or "") if last_run else "",
        is_running=active_run is not None,
    )
    health, why = judge(facts, at=clock.now())
    return SourceRow(
        source=source,
        health=health,
        why=why,
        target_minutes=target,
        newest_good_at=points.newest_good_at,
        points=points.count,
        stored_bytes=points.stored_bytes,
        last_run=last_run,
        active_run=active_run,
    )


def _of(of_tenants: Any, of_source: Any, asked: _Asked) -> ColumnElement[bool]:
    """Rows with these two columns that belong to what is asked for."""
    found: ColumnElement[bool] = of_tenants.in_(asked.tenant_ids)
    return found if asked.source_id is None else and_(found, of_source == asked.source_id)


def _points(asked: _Asked) -> dict[UUID, _Points]:
    """Told by indexes alone, however many there are."""
    counted = (
        select(
            BackupSet.source_id,
            func.count().label("points"),
            func.sum(BackupSet.stored_size).label("stored"),
        )
        .where(_of(BackupSet.tenant_id, BackupSet.source_id, asked), BackupSet.deleted_at.is_(None))
        .group_by(BackupSet.source_id)
        .subquery()
    )
    query = (
        select(Source.id, source_facts.newest_good_at(), counted.c.points, counted.c.stored)
        .join(counted, counted.c.source_id == Source.id)
        .where(_of(Source.tenant_id, Source.id, asked))
    )
    return {
        source_id: _Points(newest, count, stored or 0)
        for source_id, newest, count, stored in db.session.execute(query)
    }


def _last_captures(asked: _Asked) -> dict[UUID, Run]:
    """The newest capture of each source that ended by itself; a canceled one says nothing."""
    newest = source_facts.last_capture(Run.id)
    ids = select(newest).where(_of(Source.tenant_id, Source.id, asked))
    query = select(Run).where(Run.id.in_(ids))
    return {run.source_id: run for run in db.session.scalars(query) if run.source_id}


def _active_captures(asked: _Asked) -> dict[UUID, Run]:
    query = select(Run).where(
        _of(Run.tenant_id, Run.source_id, asked),
        Run.run_type == RunType.CAPTURE,
        Run.status.in_(ACTIVE),
    )
    return {run.source_id: run for run in db.session.scalars(query) if run.source_id}


def verification_under_way(access: Access, backup_set: BackupSet) -> Run | None:
    """The run that reads this restore point back, if one is queued or running."""
    access.require(Permission.VIEW)
    query = gate.rows(Run, access).where(
        Run.idempotency_key == f"verify:{backup_set.id}", IS_ACTIVE
    )
    return db.session.scalar(query.limit(1))
