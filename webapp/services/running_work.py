"""Work under way, of one tenant or of all of one person's: what the widget on every page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from webapp.domain.actors import Actor
from webapp.domain.runs import ACTIVE, RunState
from webapp.extensions import db
from webapp.models import Membership, Run, Tenant
from webapp.services.access import Access

MOST_LINES = 6
_Query = Select[*tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class RunningWork:
    """Attributes:
    lines: the runs that began first, with their tenants; never more than a menu can hold.
    """

    running: int
    waiting: int
    lines: list[tuple[Run, Tenant]]

    @property
    def is_busy(self) -> bool:
        return bool(self.running or self.waiting)

    @property
    def words(self) -> str:
        """``2 running, 14 waiting``"""
        counts = ((self.running, "running"), (self.waiting, "waiting"))
        return ", ".join(f"{count:,} {word}" for count, word in counts if count)


def of(actor: Actor, access: Access | None) -> RunningWork:
    """What runs and waits in the tenant of *access*; without one, in all of the actor's.

    Three queries at most, however much there is.
    """
    counts = _counts(actor, access)
    running, waiting = counts.get(RunState.RUNNING, 0), counts.get(RunState.QUEUED, 0)
    lines: list[tuple[Run, Tenant]] = []
    for state, count in ((RunState.RUNNING, running), (RunState.QUEUED, waiting)):
        if count and len(lines) < MOST_LINES:
            lines += _lines(actor, access, state, limit=MOST_LINES - len(lines))
    return RunningWork(running=running, waiting=waiting, lines=lines)


def _counts(actor: Actor, access: Access | None) -> dict[RunState, int]:
    query = select(Run.status, func.count()).where(Run.status.in_(ACTIVE)).group_by(Run.status)
    return {row[0]: row[1] for row in db.session.execute(_within(query, actor, access))}


def _lines(
    actor: Actor, access: Access | None, state: RunState, *, limit: int
) -> list[tuple[Run, Tenant]]:
    """One state at a time: in both at once, no index has them in order."""
    query = (
        select(Run, Tenant)
        .join(Tenant, Tenant.id == Run.tenant_id)
        .where(Run.status == state)
        .order_by(Run.queued_at, Run.id)
        .limit(limit)
        .options(joinedload(Run.source))
    )
    return [(row[0], row[1]) for row in db.session.execute(_within(query, actor, access))]


def _within(query: _Query, actor: Actor, access: Access | None) -> _Query:
    if access is not None:
        return query.where(Run.tenant_id == access.tenant.id)
    if actor.is_msp_admin:
        return query
    mine = select(Membership.tenant_id).where(Membership.user_id == actor.user_id)
    return query.where(Run.tenant_id.in_(mine))
