"""The limits as the picking of runs reads them: rows into rules."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import or_, select

from webapp.domain.admission import NO_RULE, Rule, Rules
from webapp.domain.windows import Window
from webapp.extensions import db
from webapp.models import Limit, LimitScope, Tenant


def of(tenant_ids: Collection[UUID]) -> Rules:
    """The rules of the installation, of these tenants, and of their hosts."""
    query = select(Limit).where(or_(Limit.tenant_id.is_(None), Limit.tenant_id.in_(tenant_ids)))
    limits = list(db.session.scalars(query))
    zones = select(Tenant.id, Tenant.timezone).where(Tenant.id.in_(tenant_ids))
    return Rules(
        installation=next((_rule(one) for one in _of(limits, LimitScope.INSTALLATION)), NO_RULE),
        tenants={UUID(one.subject): _rule(one) for one in _of(limits, LimitScope.TENANT)},
        hosts={_host(one.subject): _rule(one) for one in _of(limits, LimitScope.HOST)},
        zones={tenant_id: zone for tenant_id, zone in db.session.execute(zones)},
    )


def _of(limits: Collection[Limit], scope: LimitScope) -> list[Limit]:
    return [limit for limit in limits if limit.scope is scope]


def _host(subject: str) -> tuple[UUID, str]:
    tenant, _, host = subject.partition("/")
    return UUID(tenant), host


def _rule(limit: Limit) -> Rule:
    return Rule(
        most_running=limit.most_running,
        windows=tuple(Window.of(stored) for stored in limit.windows),
        paused_until=limit.paused_until,
        pause_reason=limit.pause_reason,
    )
