"""Is every customer safe right now? One row a tenant, by a constant number of queries.

Which tenants come first is worked out by the database, for all of them; only those that are shown
are looked at closely. So the page stays quick with a thousand tenants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, case, func, select
from sqlalchemy.orm import aliased

from webapp.domain.actors import Actor
from webapp.domain.health import Facts, Health, judge
from webapp.domain.runs import ACTIVE, RunState
from webapp.extensions import db
from webapp.models import Run, Source, Tenant, VaultRecord
from webapp.services import access as gate
from webapp.services import source_facts

DAYS = 7
PAGE = 50
_Query = Select[*tuple[Any, ...]]
_DAY_STATES = ("unknown", "success", "partial", "error")
_DAY_RANKS = {RunState.FAILED: 3, RunState.PARTIAL: 2, RunState.SUCCEEDED: 1}


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
        running: how many runs wait or are under way, of which *first_run* is the oldest.
    """

    tenant: Tenant
    health: Health
    why: str
    sources: int
    protected: int
    within_target: int
    worst: SourceHealth | None
    days: list[str]
    running: int
    first_run: Run | None
    stored_bytes: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    """All of the actor's tenants in numbers. ``needing``: those that need somebody."""

    tenants: int = 0
    needing: int = 0
    sources: int = 0
    protected: int = 0
    within_target: int = 0
    running: int = 0
    stored_bytes: int = 0
    first_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows, the worst first, of the *found* that hold the words; totals are of all."""

    rows: list[TenantRow]
    found: int
    totals: Totals


def page(
    actor: Actor, *, at: datetime, offset: int = 0, limit: int | None = PAGE, words: str = ""
) -> Page:
    """The tenants that the actor may see, worst first, then by name; *words* narrow the list."""
    standings = _standings(actor, at)
    found = [one for one in standings if _holds(one, words.lower().split())]
    shown = found[offset : None if limit is None else offset + limit]
    return Page(
        rows=_rows([one.id for one in shown], {one.id: one.stored for one in shown}, at),
        found=len(found),
        totals=_totals(standings, running=_count_running(actor)),
    )


def rows(actor: Actor, *, at: datetime) -> list[TenantRow]:
    """Every tenant that the actor may see, worst first, then by name."""
    return page(actor, at=at, limit=None).rows


def judged(tenants: Iterable[Tenant], *, at: datetime) -> dict[UUID, list[SourceHealth]]:
    """How each source of *tenants* stands, by tenant."""
    found = {tenant.id: tenant for tenant in tenants}
    sources = _by_tenant(db.session.execute(_in(_sources(), Source.tenant_id, list(found))))
    return {
        tenant_id: [_judge(source, tenant, at) for source in sources.get(tenant_id, [])]
        for tenant_id, tenant in found.items()
    }


def _standings(actor: Actor, at: datetime) -> list[Row[Any]]:
    """Each tenant with its counts and its rank, in the order of the list."""
    known = source_facts.known(gate.seen_by(actor), *source_facts.work())
    counted = (
        select(
            known.c.tenant_id,
            func.count().label("sources"),
            func.count(known.c.good_at).label("protected"),
            func.count().filter(source_facts.strain(known, at) <= 1).label("within"),
            func.min(source_facts.rank(known, at)).label("rank"),
        )
        .group_by(known.c.tenant_id)
        .subquery()
    )
    query = (
        select(
            Tenant.id, Tenant.name, Tenant.slug, counted.c.sources, counted.c.protected,
            counted.c.within, func.coalesce(counted.c.rank, Health.UNKNOWN.rank).label("rank"),
            func.coalesce(VaultRecord.stored_bytes, 0).label("stored"),
        )
        .outerjoin(counted, counted.c.tenant_id == Tenant.id)
        .outerjoin(VaultRecord, VaultRecord.tenant_id == Tenant.id)
        .where(*gate.seen_by(actor))
        .order_by("rank", Tenant.name, Tenant.id)
    )  # fmt: skip
    return list(db.session.execute(query))


def _holds(standing: Row[Any], words: Sequence[str]) -> bool:
    text = f"{standing.name} {standing.slug}".lower()
    return all(word in text for word in words)


def _totals(standings: Sequence[Row[Any]], *, running: int) -> Totals:
    healths = list(Health)
    return Totals(
        tenants=len(standings),
        needing=sum(healths[one.rank].needs_a_person for one in standings),
        sources=sum(one.sources or 0 for one in standings),
        protected=sum(one.protected or 0 for one in standings),
        within_target=sum(one.within or 0 for one in standings),
        running=running,
        stored_bytes=sum(one.stored for one in standings),
        first_name=standings[0].name if standings else "",
    )


def _count_running(actor: Actor) -> int:
    query = select(func.count()).select_from(Run).join(Tenant, Tenant.id == Run.tenant_id)
    return db.session.scalar(query.where(Run.status.in_(ACTIVE), *gate.seen_by(actor))) or 0


def _rows(ids: Sequence[UUID], stored: dict[UUID, int], at: datetime) -> list[TenantRow]:
    tenants = {one.id: one for one in db.session.scalars(_in(select(Tenant), Tenant.id, ids))}
    sources, days = judged(tenants.values(), at=at), _days(ids, at)
    running = _running(ids)
    found = []
    for tenant_id in ids:
        first_run, count = running.get(tenant_id, (None, 0))
        found.append(
            TenantRow(
                **_of_sources(sources[tenant_id], at),
                tenant=tenants[tenant_id],
                days=[_DAY_STATES[day or 0] for day in days.get(tenant_id, (0,) * DAYS)],
                running=count,
                first_run=first_run,
                stored_bytes=stored[tenant_id],
            )
        )
    return found


def _of_sources(judged: Sequence[SourceHealth], at: datetime) -> dict[str, Any]:
    leading = min(judged, key=lambda one: (one.health.rank, -one.strain(at)), default=None)
    return {
        "health": leading.health if leading else Health.UNKNOWN,
        "why": _why(leading, alone=len(judged) == 1),
        "sources": len(judged),
        "protected": sum(one.newest_good_at is not None for one in judged),
        "within_target": sum(one.strain(at) <= 1 for one in judged),
        "worst": max(judged, key=lambda one: one.strain(at), default=None),
    }


def _judge(source: Row[Any], tenant: Tenant, at: datetime) -> SourceHealth:
    target = source.recovery_point_minutes or tenant.recovery_point_minutes
    health, why = judge(
        Facts(
            target_minutes=target,
            newest_good_at=source.good_at,
            last_state=source.status,
            last_reason=source.failure_reason or source.deciding_rule or "",
            is_running=source.is_running,
        ),
        at=at,
    )
    return SourceHealth(source.name, health, why, source.good_at, target)


def _why(leading: SourceHealth | None, *, alone: bool) -> str:
    if leading is None:
        return "Nothing is protected yet."
    return leading.why if alone or not leading.why else f"{leading.name}: {leading.why}"


def _in(query: _Query, column: Any, ids: Collection[UUID]) -> _Query:
    return query.where(column.in_(ids))


def _by_tenant(found: Iterable[Any]) -> dict[UUID, list[Any]]:
    grouped: defaultdict[UUID, list[Any]] = defaultdict(list)
    for one in found:
        grouped[one.tenant_id].append(one)
    return grouped


def _sources() -> _Query:
    """Each source with its newest good restore point and its newest capture that ended."""
    last = aliased(Run)
    return (
        select(
            Source.tenant_id, Source.name, Source.recovery_point_minutes,
            source_facts.newest_good_at().label("good_at"),
            source_facts.is_running().label("is_running"),
            last.status, last.failure_reason, last.deciding_rule,
        )
        .outerjoin(last, last.id == source_facts.last_capture(Run.id))
        .where(Source.removed_at.is_(None))
    )  # fmt: skip


def _running(ids: Collection[UUID]) -> dict[UUID, tuple[Run, int]]:
    """Of each tenant that has any: the oldest run that waits or is under way, and how many do."""
    oldest_first = (Run.queued_at, Run.id)
    place = func.row_number().over(partition_by=Run.tenant_id, order_by=oldest_first)
    count = func.count().over(partition_by=Run.tenant_id)
    active = (
        select(Run.id, place.label("place"), count.label("runs"))
        .where(Run.status.in_(ACTIVE), Run.tenant_id.in_(ids))
        .subquery()
    )
    query = select(Run, active.c.runs).join(active, Run.id == active.c.id)
    found = db.session.execute(query.where(active.c.place == 1))
    return {run.tenant_id: (run, count) for run, count in found}


def _days(ids: Collection[UUID], at: datetime) -> dict[UUID, tuple[int | None, ...]]:
    """For each tenant the worst end of a capture in each span of 24 hours, as a rank."""
    rank = case(*[(Run.status == state, rank) for state, rank in _DAY_RANKS.items()], else_=0)
    spans = [
        func.max(rank).filter(
            Run.finished_at > at - timedelta(days=ago + 1),
            Run.finished_at <= at - timedelta(days=ago),
        )
        for ago in reversed(range(DAYS))
    ]
    query = (
        select(Run.tenant_id, *spans)
        .where(source_facts.is_capture(), Run.finished_at > at - timedelta(days=DAYS))
        .where(Run.tenant_id.in_(ids))
        .group_by(Run.tenant_id)
    )
    return {row[0]: tuple(row[1:]) for row in db.session.execute(query)}
