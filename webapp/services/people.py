"""Who works in a tenant, and as what. Audited in the tenant's chain.

An address is not proven by mail, so a manager may only invite addresses that nobody has yet:
otherwise one tenant's manager could make an account in somebody's name and wait for another
tenant's manager to let it in. Accounts that exist are added by an MSP admin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from webapp.domain.permissions import MEMBERSHIP_ROLES, ROLES, Permission, Role
from webapp.errors import Conflict, Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import LinkPurpose, Membership, User
from webapp.services import access as gate
from webapp.services import audit, links, users
from webapp.services.access import Access


@dataclass(frozen=True)
class Invited:
    """``secret`` belongs to a link to hand over; None: the person has a password already."""

    member: Membership
    purpose: LinkPurpose | None
    secret: str | None


def rows(access: Access) -> list[Membership]:
    """Everybody in this tenant, by address."""
    query = gate.rows(Membership, access).join(Membership.user).order_by(User.email)
    return list(db.session.scalars(query.options(joinedload(Membership.user))))


def count(access: Access) -> int:
    members = select(func.count()).where(Membership.tenant_id == access.tenant.id)
    return db.session.scalar(members) or 0


def managers(access: Access) -> list[Membership]:
    """Those who can look after this tenant's people besides MSP admins."""
    return [m for m in rows(access) if m.role is Role.MANAGER and not m.user.is_disabled]


def find(access: Access, member_id: UUID) -> Membership:
    """Raises:
    Forbidden: not in this tenant, or an MSP admin while the actor is none.
    """
    access.require(Permission.MANAGE)
    member: Membership = gate.find(access, Membership, member_id)
    if member.user.is_msp_admin and not access.actor.is_msp_admin:
        raise Forbidden("Only an MSP admin may change an MSP admin.")
    return member


def invite(
    access: Access, email: str, *, name: str, role: Role, content: bool, at: datetime
) -> Invited:
    """Let somebody into this tenant; commits.

    Raises:
        Conflict: they are in already.
        Invalid: the address has an account, and the actor is no MSP admin.
        Refused: see ``_require_may_hand_out``.
    """
    _require_may_hand_out(access, role)
    user = users.called(email)
    if user is not None and not access.actor.is_msp_admin:
        _refuse_known(access, user)
    if user is None:
        user = users.new(email, name=name, at=at)
    member = add(access, user, role=role, content=content)
    purpose, secret = (None, None) if user.password_hash else links.make(user, at=at)
    db.session.commit()
    return Invited(member, purpose, secret)


def add(access: Access, user: User, *, role: Role, content: bool) -> Membership:
    """Give *user* a role here. The caller commits.

    Raises:
        Conflict: they have one.
    """
    _require_may_hand_out(access, role)
    if _membership(access, user):
        raise Conflict(f"{user.email} is a member already.")
    member = Membership(tenant_id=access.tenant.id, user_id=user.id, role=role, content=content)
    db.session.add(member)
    db.session.flush()
    details: Json = {"email": user.email, "role": str(role), "content": content}
    _record(access, "member.added", member, details)
    return member


def change(access: Access, member_id: UUID, *, role: Role, content: bool) -> Membership:
    """Change role and content right; commits.

    Raises:
        Conflict: the tenant would be left without a manager, and the actor is no MSP admin.
        Refused: see ``_require_may_hand_out``.
    """
    member = find(access, member_id)
    if role is not member.role or (content and not member.content):
        _require_may_hand_out(access, role)
    if role is not Role.MANAGER:
        _require_another_manager(access, member)
    details: Json = {
        "email": member.user.email,
        "before": {"role": str(member.role), "content": member.content},
        "after": {"role": str(role), "content": content},
    }
    member.role, member.content = role, content
    _record(access, "member.changed", member, details)
    db.session.commit()
    return member


def remove(access: Access, member_id: UUID) -> str:
    """Take somebody out of this tenant; commits. Their account stays. Returns their address.

    Raises:
        Conflict: as ``change``.
    """
    member = find(access, member_id)
    _require_another_manager(access, member)
    email = member.user.email
    _record(access, "member.removed", member, {"email": email, "role": str(member.role)})
    db.session.delete(member)
    db.session.commit()
    return email


def make_link(access: Access, member_id: UUID, *, at: datetime) -> tuple[LinkPurpose, str]:
    """Make an invitation or reset link for a member; commits.

    Raises:
        Refused: the person works elsewhere, too, or the tenant demands two people; an MSP admin
            has to do it, since the link is as good as the account.
    """
    member = find(access, member_id)
    if not access.actor.is_msp_admin:
        _require_only_here(access, member)
    purpose, secret = links.make(member.user, at=at)
    _record(access, f"{purpose}.made", member, {"email": member.user.email})
    db.session.commit()
    return purpose, secret


def may_make_link(access: Access, member: Membership, *, elsewhere: frozenset[UUID]) -> bool:
    """The rule of ``make_link`` for a list; *elsewhere* from ``working_elsewhere``."""
    if access.actor.is_msp_admin:
        return True
    is_free = member.user_id not in elsewhere and not access.tenant.needs_two_people
    return is_free and not member.user.is_msp_admin


def working_elsewhere(access: Access) -> frozenset[UUID]:
    """Ids of this tenant's people who belong to another one, too."""
    here = select(Membership.user_id).where(Membership.tenant_id == access.tenant.id)
    others = select(Membership.user_id).where(
        Membership.tenant_id != access.tenant.id, Membership.user_id.in_(here)
    )
    return frozenset(db.session.scalars(others))


def _require_may_hand_out(access: Access, role: Role) -> None:
    """Two people demanded means two real ones: a manager must not be able to make the second."""
    access.require(Permission.MANAGE)
    if role not in MEMBERSHIP_ROLES:
        raise Invalid({"role": "That is not a role in a customer."})
    approves = Permission.APPROVE in ROLES[role]
    if approves and access.tenant.needs_two_people and not access.actor.is_msp_admin:
        raise Refused(
            "two_people",
            "This customer demands two people for some acts, so whoever can approve them is "
            "added by an MSP admin.",
        )


def _require_only_here(access: Access, member: Membership) -> None:
    if not may_make_link(access, member, elsewhere=working_elsewhere(access)):
        raise Refused(
            "admin_needed", "Ask an MSP admin: this person's account is not yours alone to reset."
        )


def _require_another_manager(access: Access, member: Membership) -> None:
    if member.role is not Role.MANAGER or access.actor.is_msp_admin:
        return
    if all(other.id == member.id for other in managers(access)):
        raise Conflict(
            f"{member.user.email} is the only manager. Make somebody else manager first."
        )


def _refuse_known(access: Access, user: User) -> None:
    if _membership(access, user):
        raise Conflict(f"{user.email} is a member already.")
    raise Invalid({"email": "This address can only be added by an MSP admin. Please ask one."})


def _membership(access: Access, user: User) -> Membership | None:
    return db.session.scalar(
        select(Membership).where(
            Membership.tenant_id == access.tenant.id, Membership.user_id == user.id
        )
    )


def _record(access: Access, action: str, member: Membership, details: Json) -> None:
    audit.record(
        access.actor, action, tenant=access.tenant,
        resource=f"user:{member.user_id}", details=details,
    )  # fmt: skip
