"""The customers of whom limits, a pause or a quota say something: for whoever looks after all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select

from webapp.domain.actors import Actor
from webapp.extensions import db
from webapp.models import Limit, LimitScope, Tenant, TenantStatus, VaultRecord
from webapp.services import access as gate
from webapp.services import limits
from webapp.services.limits import Held
from webapp.services.quotas import Standing


@dataclass(frozen=True, kw_only=True)
class LimitedCustomer:
    """Attributes:
    hosts: how many of its hosts have limits of their own.
    """

    tenant: Tenant
    held: Held
    hosts: int
    standing: Standing


def rows(actor: Actor, *, after: str = "", limit: int = 50) -> list[LimitedCustomer]:
    """Those with a quota, limits or a pause, by short name from the one behind *after* on. One
    query.

    Raises:
        Forbidden: no MSP admin.
    """
    gate.require_msp_admin(actor)
    own = and_(Limit.tenant_id == Tenant.id, Limit.scope == LimitScope.TENANT)
    hosts = (
        select(func.count())
        .select_from(Limit)
        .where(Limit.tenant_id == Tenant.id, Limit.scope == LimitScope.HOST)
        .correlate(Tenant)
        .scalar_subquery()
    )
    query = (
        select(Tenant, Limit, hosts, VaultRecord.stored_bytes)
        .outerjoin(Limit, own)
        .outerjoin(VaultRecord, VaultRecord.tenant_id == Tenant.id)
        .where(Tenant.status != TenantStatus.GONE, Tenant.slug > after)
        .where(or_(Limit.id.is_not(None), hosts > 0, Tenant.quota_bytes.is_not(None)))
        .order_by(Tenant.slug)
        .limit(limit)
    )
    return [
        LimitedCustomer(
            tenant=tenant,
            held=limits.held(row) if row is not None else limits.NOTHING,
            hosts=count,
            standing=Standing(used_bytes=used or 0, quota_bytes=tenant.quota_bytes),
        )
        for tenant, row, count, used in db.session.execute(query)
    ]
