"""Is every customer safe right now? One row a tenant, by a constant number of queries.

Plain columns, not objects: the page stays quick with a thousand tenants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, case, func, select
from sqlalchemy.orm import aliased

from webapp.domain.actors import Actor
from webapp.domain.health import Facts, Health, judge
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import ACTIVE, RunState, RunType
from webapp.extensions import db
from webapp.models import BackupSet, Run, Source, Tenant, VaultRecord
from webapp.services import access as gate

DAYS = 7
_Query = Select[*tuple[Any, ...]]
_DAY_STATES = ("unknown", "success", "partial", "error")


class SourceHealth(NamedTuple):
    name: str
    health: Health
    why: str
    newest_good_at: datetime | None
    target_minutes: int

    def strain(self, at: datetime) -> float:
        """How far the newest good restore point's age is towards the target; 1 is at it."""
        if self.newest_good_at is None:
            return float("inf")
        return (at - self.newest_good_at).total_seconds() / 60 / self.target_minutes


@dataclass(frozen=True, kw_only=True)
class TenantRow:
    """One customer.

    Attributes:
        worst: the source that is farthest past its target, whose age the page shows.
        days: a word of the status dots for each of the last 7 spans of 24 hours, oldest first.
    """

    tenant: Tenant
    health: Health
    why: str
    sources: int
    protected: int
    within_target: int
    worst: SourceHealth | None
    days: list[str]
    running: list[Run]
    stored_bytes: int


def judged(tenants: Iterable[Tenant], *, at: datetime) -> dict[UUID, list[SourceHealth]]:
    """How each source of *tenants* stands, by tenant."""
    found = {tenant.id: tenant for tenant in tenants}
    facts = _Gathered(found, at)
    return {
        tenant_id: [
            _judge(source, tenant, facts, at) for source in facts.sources.get(tenant_id, [])
        ]
        for tenant_id, tenant in found.items()
    }


def rows(actor: Actor, *, at: datetime) -> list[TenantRow]:
    """Every tenant that the actor may see, worst first, then by name."""
    tenants = gate.tenants_of(actor)
    only = None if actor.is_msp_admin else [tenant.id for tenant in tenants]
    facts = _Gathered(only, at)
    found = [_row(tenant, facts, at) for tenant in tenants]
    return sorted(found, key=lambda row: row.health.rank)


class _Gathered:
    """The answers of all queries, by tenant or source."""

    def __init__(self, only: Collection[UUID] | None, at: datetime) -> None:
        self.running = _by_tenant(db.session.scalars(_in(_active(), Run.tenant_id, only)))
        self.captured_now = {
            run.source_id
            for runs in self.running.values()
            for run in runs
            if run.run_type is RunType.CAPTURE
        }
        self.sources = _by_tenant(db.session.execute(_in(_sources(), Source.tenant_id, only)))
        self.stored = dict(_pairs(_in(_stored(), VaultRecord.tenant_id, only)))
        self.days = {
            row[0]: row[1:] for row in db.session.execute(_in(_days(at), Run.tenant_id, only))
        }


def _row(tenant: Tenant, facts: _Gathered, at: datetime) -> TenantRow:
    running = facts.running.get(tenant.id, [])
    judged = [_judge(source, tenant, facts, at) for source in facts.sources.get(tenant.id, [])]
    leading = min(judged, key=lambda one: (one.health.rank, -one.strain(at)), default=None)
    return TenantRow(
        tenant=tenant,
        health=leading.health if leading else Health.UNKNOWN,
        why=_why(leading, alone=len(judged) == 1),
        sources=len(judged),
        protected=sum(one.newest_good_at is not None for one in judged),
        within_target=sum(one.strain(at) <= 1 for one in judged),
        worst=max(judged, key=lambda one: one.strain(at), default=None),
        days=[_DAY_STATES[day or 0] for day in facts.days.get(tenant.id, (0,) * DAYS)],
        running=running,
        stored_bytes=facts.stored.get(tenant.id, 0),
    )


def _judge(source: Row[Any], tenant: Tenant, facts: _Gathered, at: datetime) -> SourceHealth:
    target = source.recovery_point_minutes or tenant.recovery_point_minutes
    health, why = judge(
        Facts(
            target_minutes=target,
            newest_good_at=source.good_at,
            last_state=source.status,
            last_reason=source.failure_reason or source.deciding_rule or "",
            is_running=source.id in facts.captured_now,
        ),
        at=at,
    )
    return SourceHealth(source.name, health, why, source.good_at, target)


def _why(leading: SourceHealth | None, *, alone: bool) -> str:
    if leading is None:
        return "Nothing is protected yet."
    return leading.why if alone or not leading.why else f"{leading.name}: {leading.why}"


def _in(query: _Query, column: Any, only: Collection[UUID] | None) -> _Query:
    return query if only is None else query.where(column.in_(only))


def _pairs(query: _Query) -> Iterable[tuple[UUID, Any]]:
    return ((row[0], row[1]) for row in db.session.execute(query))


def _spans(query: _Query) -> dict[UUID, tuple[int | None, ...]]:
    return {row[0]: tuple(row[1:]) for row in db.session.execute(query)}


def _by_tenant(found: Iterable[Any]) -> dict[UUID, list[Any]]:
    grouped: defaultdict[UUID, list[Any]] = defaultdict(list)
    for one in found:
        grouped[one.tenant_id].append(one)
    return grouped


def _sources() -> _Query:
    """Each source with its newest good restore point and its newest capture that ended by itself;
    a canceled one says nothing. Both are found by index, however long the history is."""
    last = aliased(Run)
    good_at = (
        select(BackupSet.finished_at)
        .where(
            BackupSet.tenant_id == Source.tenant_id,
            BackupSet.source_id == Source.id,
            BackupSet.status == SetStatus.COMPLETED,
            BackupSet.backup_type != BackupType.PRE_RESTORE,
            BackupSet.deleted_at.is_(None),
        )
        .order_by(BackupSet.finished_at.desc())
        .limit(1)
        .correlate(Source)
        .scalar_subquery()
    )
    last_id = (
        select(Run.id)
        .where(
            Run.tenant_id == Source.tenant_id,
            Run.source_id == Source.id,
            Run.run_type == RunType.CAPTURE,
            Run.status.in_((RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED)),
        )
        .order_by(Run.queued_at.desc())
        .limit(1)
        .correlate(Source)
        .scalar_subquery()
    )
    why = (last.failure_reason, last.deciding_rule)
    return (
        select(
            Source.id, Source.tenant_id, Source.name, Source.recovery_point_minutes,
            good_at.label("good_at"), last.status, *why,
        )
        .outerjoin(last, last.id == last_id)
        .where(Source.removed_at.is_(None))
    )  # fmt: skip


def _active() -> _Query:
    return select(Run).where(Run.status.in_(ACTIVE)).order_by(Run.queued_at)


def _stored() -> _Query:
    return select(VaultRecord.tenant_id, VaultRecord.stored_bytes)


def _days(at: datetime) -> _Query:
    """For each tenant the worst end of a capture in each span of 24 hours, as a rank."""
    rank = case(
        (Run.status == RunState.FAILED, 3),
        (Run.status == RunState.PARTIAL, 2),
        (Run.status == RunState.SUCCEEDED, 1),
        else_=0,
    )
    spans = [
        func.max(rank).filter(
            Run.finished_at > at - timedelta(days=ago + 1),
            Run.finished_at <= at - timedelta(days=ago),
        )
        for ago in reversed(range(DAYS))
    ]
    return (
        select(Run.tenant_id, *spans)
        .where(Run.run_type == RunType.CAPTURE, Run.finished_at > at - timedelta(days=DAYS))
        .group_by(Run.tenant_id)
    )
