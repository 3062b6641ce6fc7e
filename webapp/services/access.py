"""The one gate: every tenant-owned row is reached through here.

``enter`` takes the actor, the tenant and the action, and gives an ``Access``; use cases take that
access as their first argument, so there is no way to them around the gate. An id that is not
readable inside a tenant of one's own is ``Forbidden`` with the same words whether or not it exists.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from webapp.domain.actors import Actor
from webapp.domain.permissions import AT_REST, Permission, Role, permissions_of
from webapp.errors import Forbidden, NotFound
from webapp.extensions import db
from webapp.models import Membership, Tenant, TenantStatus, User

Row = TypeVar("Row", bound=Any)


@dataclass(frozen=True, kw_only=True)
class Access:
    """What one actor may do in one tenant. Only this module makes them."""

    actor: Actor
    tenant: Tenant
    permissions: frozenset[Permission]
    at_rest: frozenset[Permission] = frozenset()  # allowed again once the tenant is active
    approved: str = ""  # the fingerprint of the act that a second person has just approved

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises:
        Forbidden: the role is too small.
        """
        if permission in self.permissions:
            return
        if self.tenant.status is not TenantStatus.ACTIVE and permission in self.at_rest:
            raise Forbidden(f"This customer is {self.tenant.status}: nothing new may be started.")
        raise Forbidden


def enter(actor: Actor, slug: str, permission: Permission) -> Access:
    """Let *actor* into the tenant called *slug* to do something that needs *permission*.

    Raises:
        Forbidden: no such tenant, not a member, or too small a role; never said which.
    """
    theirs = (Membership.tenant_id == Tenant.id) & (Membership.user_id == actor.user_id)
    query = select(Tenant, Membership).outerjoin(Membership, theirs).where(Tenant.slug == slug)
    found = db.session.execute(query).one_or_none()
    if found is None or found[0].status is TenantStatus.GONE:
        raise Forbidden
    access = _access(actor, found[0], _permissions(actor, found[1]))
    access.require(permission)
    return access


def enter_tenant(actor: Actor, tenant: Tenant, permission: Permission) -> Access:
    """As ``enter``, for a tenant that is at hand, such as that of a run in its job."""
    held = select(Membership).where(
        Membership.tenant_id == tenant.id, Membership.user_id == actor.user_id
    )
    membership = None if actor.is_msp_admin else db.session.scalar(held)
    access = _access(actor, tenant, _permissions(actor, membership))
    access.require(permission)
    return access


def enter_each(actor: Actor, tenant_ids: Collection[UUID]) -> dict[UUID, Access]:
    """Let *actor* look into several tenants: those of these that they may see. Two queries."""
    query = select(Tenant).where(Tenant.id.in_(tenant_ids), *seen_by(actor))
    tenants = list(db.session.scalars(query))
    if actor.is_msp_admin:
        all_of_it = permissions_of(Role.MSP_ADMIN, content=True)
        return {tenant.id: _access(actor, tenant, all_of_it) for tenant in tenants}
    held = select(Membership).where(
        Membership.user_id == actor.user_id, Membership.tenant_id.in_(tenant_ids)
    )
    roles = {one.tenant_id: one for one in db.session.scalars(held)}
    return {tenant.id: _access(actor, tenant, _granted(roles[tenant.id])) for tenant in tenants}


def again(run_actor_id: UUID | None, tenant: Tenant, permission: Permission) -> Access:
    """Authorise once more inside a job: the person may have lost the right since the start.

    *run_actor_id* None is the command line or the product itself, which keep theirs.

    Raises:
        Forbidden: the person is gone, disabled, or no longer allowed.
    """
    if run_actor_id is None:
        return enter_tenant(Actor(label="lastgood", is_msp_admin=True), tenant, permission)
    user = db.session.get(User, run_actor_id)
    if user is None or user.is_disabled:
        raise Forbidden
    return enter_tenant(actor_of(user), tenant, permission)


def approved(access: Access, fingerprint: str) -> Access:
    """The same access, to carry out the one act with this fingerprint; see ``second_person``."""
    return replace(access, approved=fingerprint)


def actor_called(email: str) -> Actor:
    """The actor of the person with this address.

    Raises:
        Forbidden: nobody has that address, or they are disabled.
    """
    user = db.session.scalar(select(User).where(User.email == email.lower()))
    if user is None or user.is_disabled:
        raise Forbidden
    return actor_of(user)


def actor_of(user: User) -> Actor:
    return Actor(label=user.email, user_id=user.id, is_msp_admin=user.is_msp_admin)


def tenants_of(actor: Actor) -> list[Tenant]:
    """Every tenant the actor may see, by name. An MSP admin sees all that are not gone."""
    query = select(Tenant).where(*seen_by(actor)).order_by(Tenant.name)
    return list(db.session.scalars(query))


def seen_by(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """What holds of each tenant that the actor may see: conditions of ``Tenant``."""
    is_there = Tenant.status != TenantStatus.GONE
    if actor.is_msp_admin:
        return (is_there,)
    mine = select(Membership.tenant_id).where(Membership.user_id == actor.user_id)
    return is_there, Tenant.id.in_(mine)


def tenants_where(actor: Actor, permission: Permission) -> list[Tenant]:
    """Every tenant in which the actor may do what needs *permission*, by name. Two queries."""
    found = tenants_of(actor)
    if actor.is_msp_admin:
        granted = dict.fromkeys((t.id for t in found), permissions_of(Role.MSP_ADMIN, content=True))
    else:
        query = select(Membership).where(Membership.user_id == actor.user_id)
        granted = {
            one.tenant_id: permissions_of(one.role, content=one.content)
            for one in db.session.scalars(query)
        }
    at_rest = _still_usable(actor)
    return [
        tenant
        for tenant in found
        if permission in granted[tenant.id]
        and (tenant.status is TenantStatus.ACTIVE or permission in at_rest)
    ]


def rows(model: type[Row], access: Access) -> Select[Row]:
    """Start a query that can only see this tenant's rows."""
    return select(model).where(model.tenant_id == access.tenant.id)


def find(access: Access, model: type[Row], row_id: UUID) -> Row:
    """Return one row of this tenant.

    Raises:
        Forbidden: it is not this tenant's, or there is none: the answer is the same.
        NotFound: it was this tenant's, and has been deleted.
    """
    row = find_even_deleted(access, model, row_id)
    if getattr(row, "deleted_at", None) or getattr(row, "removed_at", None):
        raise NotFound("It has been deleted.")
    return row


def find_even_deleted(access: Access, model: type[Row], row_id: UUID) -> Row:
    """As ``find``, but one that has been deleted will do, as for a filter over what it left.

    Raises:
        Forbidden: it is not this tenant's, or there is none: the answer is the same.
    """
    row = db.session.scalar(rows(model, access).where(model.id == row_id))
    if row is None:
        raise Forbidden
    return row


def require_msp_admin(actor: Actor) -> None:
    """Raises:
    Forbidden: the actor may not act on the installation as a whole.
    """
    if not actor.is_msp_admin:
        raise Forbidden


def _still_usable(actor: Actor) -> frozenset[Permission]:
    """What remains in a tenant that is suspended or leaving: looking, and taking data away."""
    return AT_REST | {Permission.MANAGE} if actor.is_msp_admin else AT_REST


def _permissions(actor: Actor, membership: Membership | None) -> frozenset[Permission]:
    if actor.is_msp_admin:
        return permissions_of(Role.MSP_ADMIN, content=True)
    if membership is None:
        raise Forbidden
    return _granted(membership)


def _granted(membership: Membership) -> frozenset[Permission]:
    return permissions_of(membership.role, content=membership.content)


def _access(actor: Actor, tenant: Tenant, granted: frozenset[Permission]) -> Access:
    usable = granted if tenant.status is TenantStatus.ACTIVE else granted & _still_usable(actor)
    return Access(actor=actor, tenant=tenant, permissions=usable, at_rest=granted - usable)
