"""The sources that a template can be applied to, by tenant. Two queries, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from webapp.domain.actors import Actor
from webapp.extensions import db
from webapp.models import Source, Tenant
from webapp.services import access as gate

KINDS = (("", "All kinds"), ("site", "Sites"), ("files", "Folders"), ("sqlite", "SQLite databases"))


@dataclass(frozen=True, kw_only=True)
class Group:
    """One tenant with its sources."""

    tenant: Tenant
    sources: list[Source]


def groups(actor: Actor) -> list[Group]:
    """All tenants with at least one source, by name.

    Raises:
        Forbidden: the actor is no MSP admin.
    """
    gate.require_msp_admin(actor)
    tenants = gate.tenants_of(actor)
    found: dict[UUID, list[Source]] = {tenant.id: [] for tenant in tenants}
    query = select(Source).where(Source.removed_at.is_(None)).order_by(Source.name)
    for source in db.session.scalars(query):
        found.get(source.tenant_id, []).append(source)
    return [Group(tenant=t, sources=found[t.id]) for t in tenants if found[t.id]]


def resolve(
    actor: Actor, *, slugs: Collection[str], source_ids: Collection[UUID], kind: str
) -> list[UUID]:
    """The ids that were chosen: single ones, and all of whole tenants, of one kind if given."""
    gate.require_msp_admin(actor)
    query = (
        select(Source.id)
        .join(Tenant, Tenant.id == Source.tenant_id)
        .where(Tenant.slug.in_(slugs), Source.removed_at.is_(None))
    )
    if kind:
        query = query.where(Source.kind == kind)
    whole = list(db.session.scalars(query)) if slugs else []
    return sorted({*whole, *source_ids})
