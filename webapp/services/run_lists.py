"""The newest runs of all tenants that one person may see.

First their ids, which indexes alone tell, then the rows of one page: a constant number of queries,
and none that reads more rows than the page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from webapp.domain.actors import Actor
from webapp.domain.marks import Mark
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Membership, Run, Tenant, TenantStatus
from webapp.services.paging import behind

_NEWEST_FIRST = (Run.queued_at.desc(), Run.id.desc())


def everywhere(
    actor: Actor,
    *,
    states: Sequence[RunState] = (),
    limit: int = 100,
    before: Mark | None = None,
) -> list[tuple[Run, Tenant]]:
    """Runs with their tenants, newest first; with *states* only those. *before* continues a list
    behind a run."""
    marks = [
        Mark(row.queued_at, row.id)
        for state in states or (None,)
        for row in db.session.execute(_newest(actor, state, limit=limit, before=before))
    ]
    return _rows([mark.id for mark in sorted(marks, reverse=True)[:limit]])


def _newest(
    actor: Actor, state: RunState | None, *, limit: int, before: Mark | None
) -> Select[*tuple[Any, ...]]:
    """One state at a time: in several at once, no index has them in order."""
    query = select(Run.id, Run.queued_at).where(behind(before, Run.queued_at, Run.id))
    if state is not None:
        query = query.where(Run.status == state)
    return query.where(_is_seen_by(actor)).order_by(*_NEWEST_FIRST).limit(limit)


def _is_seen_by(actor: Actor) -> Any:
    if actor.is_msp_admin:
        gone = select(Tenant.id).where(Tenant.status == TenantStatus.GONE)
        return Run.tenant_id.not_in(gone)
    mine = (
        select(Membership.tenant_id)
        .join(Tenant, Tenant.id == Membership.tenant_id)
        .where(Membership.user_id == actor.user_id, Tenant.status != TenantStatus.GONE)
    )
    return Run.tenant_id.in_(mine)


def _rows(ids: list[UUID]) -> list[tuple[Run, Tenant]]:
    query = (
        select(Run, Tenant)
        .join(Tenant, Tenant.id == Run.tenant_id)
        .where(Run.id.in_(ids))
        .options(joinedload(Run.source))
        .order_by(*_NEWEST_FIRST)
    )
    return [(row[0], row[1]) for row in db.session.execute(query)]
