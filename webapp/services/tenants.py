"""Tenants: made, changed and put to rest by MSP admins. Audited in the tenant's own chain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from webapp.domain import roots
from webapp.domain.actors import Actor
from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.domain.tenants import TwoPeople, is_slug, is_zone
from webapp.errors import Conflict, Invalid
from webapp.extensions import db
from webapp.items import Json
from webapp.models import Membership, Source, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import audit, installation
from webapp.services.access import Access
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask

_STEPS: dict[TenantStatus, set[TenantStatus]] = {
    TenantStatus.ACTIVE: {TenantStatus.SUSPENDED, TenantStatus.LEAVING},
    TenantStatus.SUSPENDED: {TenantStatus.ACTIVE, TenantStatus.LEAVING},
    TenantStatus.LEAVING: {TenantStatus.ACTIVE},
    TenantStatus.GONE: set(),
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a person may say about a tenant."""

    name: str
    timezone: str = "UTC"
    environment_label: str = "production"
    recovery_point_minutes: int = 24 * 60
    needs_two_people: tuple[TwoPeople, ...] = ()


@dataclass(frozen=True)
class Row:
    """A tenant in the list, with what is counted of it."""

    tenant: Tenant
    sources: int
    members: int


def rows(actor: Actor) -> list[Row]:
    """Every tenant that the actor may see, by name. Three queries, however many there are."""
    seen = gate.tenants_of(actor)
    ids = [tenant.id for tenant in seen]
    sources = _counts(Source, ids, Source.removed_at.is_(None))
    members = _counts(Membership, ids)
    return [Row(t, sources.get(t.id, 0), members.get(t.id, 0)) for t in seen]


def add(actor: Actor, slug: str, facts: Facts, *, at: datetime) -> Tenant:
    """Make a tenant; commits.

    Raises:
        Forbidden: the actor is no MSP admin.
        Invalid: the slug is taken or unusable, or the zone is unknown.
    """
    gate.require_msp_admin(actor)
    _check(facts)
    if not is_slug(slug):
        raise Invalid({"slug": "Use a-z, 0-9 and - only, 40 at most, such as acme-bakery."})
    if db.session.scalar(select(Tenant.id).where(Tenant.slug == slug)):
        raise Invalid({"slug": "This short name is taken."})
    tenant = Tenant(slug=slug, created_at=at, **_columns(facts))
    db.session.add(tenant)
    db.session.flush()
    audit.record(
        actor, "tenant.added", tenant=tenant,
        resource=f"tenant:{tenant.id}", details={"slug": slug, **_columns(facts)},
    )  # fmt: skip
    db.session.commit()
    return tenant


def edit(access: Access, facts: Facts) -> Tenant:
    """Change what is said about a tenant; commits.

    Raises:
        Invalid: the zone is unknown.
        Waiting: one person would do alone what takes two by now. All else is saved.
    """
    access.require(Permission.ADMINISTER)
    _check(facts)
    tenant, after = access.tenant, _columns(facts)
    dropped = set(tenant.needs_two_people) - set(facts.needs_two_people)
    if dropped:  # by itself, below: it may have to wait
        kept = {*tenant.needs_two_people, *facts.needs_two_people}
        after["needs_two_people"] = [str(act) for act in TwoPeople if act in kept]
    before = {name: getattr(tenant, name) for name in after}
    changed = {name: after[name] for name in after if after[name] != before[name]}
    if changed:
        for name, value in changed.items():
            setattr(tenant, name, value)
        old = {name: before[name] for name in changed}
        _record(access, "tenant.changed", {"before": old, "after": changed})
    db.session.commit()
    if dropped:
        choose_two_people(access, facts.needs_two_people)
    return tenant


def choose_two_people(access: Access, acts: Collection[TwoPeople]) -> Tenant:
    """Say which acts nobody may do alone; commits.

    Raises:
        Waiting: fewer than now, which takes two people itself.
    """
    access.require(Permission.ADMINISTER)
    tenant, after = access.tenant, [str(act) for act in TwoPeople if act in acts]
    before = list(tenant.needs_two_people)
    if access.approved or set(before) - set(after):
        _require_allowed(access, before, after)
    tenant.needs_two_people = after
    what = {"before": {"needs_two_people": before}, "after": {"needs_two_people": after}}
    _record(access, "tenant.changed", what)
    db.session.commit()
    return tenant


def _require_allowed(access: Access, before: list[str], after: list[str]) -> None:
    dropped = [act for act in TwoPeople if act in before and act not in after]
    ask = Ask(
        act=Act.DROP_RULE,
        subject=f"tenant:{access.tenant.id}",
        name=access.tenant.name,
        state=", ".join(before),
        parameters={"needs_two_people": after},
        lines=tuple(f"One person may do this alone: {act.label}." for act in dropped),
    )
    asking.require(access, ask)


def grant_root(access: Access, path: str, *, may_overlap: bool = False) -> str:
    """Let this tenant's sources and restores use a folder of this machine; commits.

    Looks at the text only: whether the folder exists is for the command line and the source
    check to see. A folder that lies inside a granted one adds nothing.

    Args:
        may_overlap: accept a folder that another tenant has been granted, too.

    Returns:
        The path as stored.

    Raises:
        Invalid: relative, the whole machine, above, inside or equal to our own data, or
            another tenant's.
    """
    access.require(Permission.ADMINISTER)
    root = usable_root(path, is_demo=access.tenant.is_demo)
    others = overlapping_tenants(access, root)
    if others and not may_overlap:
        raise Invalid({"root": f"{others[0].name} has been granted this folder, or one in it."})
    if root not in access.tenant.granted_roots:
        access.tenant.granted_roots = sorted({*access.tenant.granted_roots, root})
        _record(access, "root.granted", {"root": root, "also": [t.slug for t in others]})
    db.session.commit()
    return root


def revoke_root(access: Access, root: str) -> None:
    """Take a granted folder back; commits. Sources below it can no longer be read or written."""
    access.require(Permission.ADMINISTER)
    if root in access.tenant.granted_roots:
        access.tenant.granted_roots = [r for r in access.tenant.granted_roots if r != root]
        _record(access, "root.revoked", {"root": root})
    db.session.commit()


def overlapping_tenants(access: Access, root: str) -> list[Tenant]:
    """Other tenants that were granted *root*, a part of it, or a folder around it."""
    access.require(Permission.ADMINISTER)
    others = db.session.scalars(
        select(Tenant).where(Tenant.id != access.tenant.id, Tenant.status != TenantStatus.GONE)
    )
    return [t for t in others if any(roots.overlaps(root, theirs) for theirs in t.granted_roots)]


def next_states(tenant: Tenant) -> list[TenantStatus]:
    """What the tenant can become from its present state."""
    return [status for status in TenantStatus if status in _STEPS[tenant.status]]


def move_to(access: Access, status: TenantStatus) -> Tenant:
    """Suspend, activate or let leave; commits.

    Raises:
        Conflict: there is no such step from the present state.
    """
    access.require(Permission.ADMINISTER)
    tenant = access.tenant
    if status not in _STEPS[tenant.status]:
        raise Conflict(f"{tenant.name} is {tenant.status}; it cannot become {status}.")
    tenant.status = status
    _record(access, f"tenant.{status}", {})
    db.session.commit()
    return tenant


def _counts(
    model: type[Source] | type[Membership], tenant_ids: list[UUID], *conditions: ColumnElement[bool]
) -> dict[UUID, int]:
    query = (
        select(model.tenant_id, func.count())
        .where(model.tenant_id.in_(tenant_ids), *conditions)
        .group_by(model.tenant_id)
    )
    return {tenant_id: count for tenant_id, count in db.session.execute(query)}


def usable_root(path: str, *, is_demo: bool = False) -> str:
    """Return the one spelling of a folder that may be granted; only the demo's lies in our data.

    Raises:
        Invalid: relative, the whole machine, or above, inside or equal to our own data.
    """
    try:
        root = roots.normalise(path)
    except ValueError as problem:
        raise Invalid({"root": str(problem)}) from None
    settings = installation.settings()
    if is_demo and roots.is_within(root, str(settings.demo_site)):
        return root
    if any(roots.overlaps(root, str(own)) for own in settings.own_data):
        raise Invalid({"root": "Lastgood keeps its own data and keys there, or around there."})
    return root


def _check(facts: Facts) -> None:
    problems = {}
    if not facts.name.strip():
        problems["name"] = "A customer needs a name."
    if not is_zone(facts.timezone):
        problems["timezone"] = f"{facts.timezone or 'Nothing'} is not a time zone we know."
    if facts.recovery_point_minutes < 1:
        problems["recovery_point_minutes"] = "At least one minute."
    if problems:
        raise Invalid(problems)


def _columns(facts: Facts) -> dict[str, object]:
    return {
        "name": facts.name.strip(),
        "timezone": facts.timezone,
        "environment_label": facts.environment_label,
        "recovery_point_minutes": facts.recovery_point_minutes,
        "needs_two_people": [str(act) for act in facts.needs_two_people],
    }


def _record(access: Access, action: str, details: Json) -> None:
    audit.record(
        access.actor, action, tenant=access.tenant,
        resource=f"tenant:{access.tenant.id}", details=details,
    )  # fmt: skip
