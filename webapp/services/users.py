"""Accounts, as MSP admins look after them. Audited in the installation's chain."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from webapp.domain.actors import Actor
from webapp.errors import Conflict, Forbidden
from webapp.extensions import db
from webapp.items import Json
from webapp.models import LinkPurpose, Membership, User
from webapp.services import access, audit, links, passwords, second_factor


def rows(actor: Actor) -> list[User]:
    """Every account by address, with its memberships and their tenants."""
    access.require_msp_admin(actor)
    load = selectinload(User.memberships).joinedload(Membership.tenant)
    return list(db.session.scalars(select(User).options(load).order_by(User.email)))


def find(actor: Actor, user_id: UUID) -> User:
    """Raises:
    Forbidden: no MSP admin, or no such account: the answer is the same.
    """
    access.require_msp_admin(actor)
    user = db.session.get(User, user_id)
    if user is None:
        raise Forbidden
    return user


def called(email: str) -> User | None:
    """The account with this address, if there is one."""
    return db.session.scalar(select(User).where(User.email == email.lower()))


def add(
    actor: Actor, email: str, *, name: str = "", is_msp_admin: bool = False, at: datetime
) -> User:
    """Make an account without a password. The caller commits.

    Raises:
        Conflict: the address has one already.
    """
    access.require_msp_admin(actor)
    if called(email):
        raise Conflict(f"{email} has an account already.")
    user = new(email, name=name, at=at)
    user.is_msp_admin = is_msp_admin
    _record(actor, "user.added", user, {"email": user.email, "is_msp_admin": is_msp_admin})
    return user


def new(email: str, *, name: str, at: datetime) -> User:
    """A row for an account, flushed. The caller has checked the right, audits and commits."""
    user = User(email=email.lower(), name=name, created_at=at)
    db.session.add(user)
    db.session.flush()
    return user


def set_password(actor: Actor, user: User, password: str) -> None:
    """Set somebody's password and end their sessions. The caller commits.

    Raises:
        Invalid: not good enough.
    """
    access.require_msp_admin(actor)
    passwords.require_good(password, email=user.email)
    user.password_hash = passwords.hash_of(password)
    user.session_epoch += 1
    _record(actor, "user.password_set", user)


def set_admin(actor: Actor, user_id: UUID, *, is_msp_admin: bool) -> User:
    """Make or unmake an MSP admin; commits.

    Raises:
        Conflict: nobody would be left to look after the installation.
    """
    user = find(actor, user_id)
    if not is_msp_admin:
        _require_another_admin(user)
    user.is_msp_admin = is_msp_admin
    _record(actor, "user.admin_made" if is_msp_admin else "user.admin_unmade", user)
    db.session.commit()
    return user


def disable(actor: Actor, user_id: UUID) -> User:
    """Lock an account out, at once and everywhere; commits.

    Raises:
        Conflict: one's own, or that of the last MSP admin.
    """
    user = find(actor, user_id)
    if user.id == actor.user_id:
        raise Conflict("You cannot disable your own account.")
    _require_another_admin(user)
    user.is_disabled = True
    user.session_epoch += 1
    _record(actor, "user.disabled", user)
    db.session.commit()
    return user


def enable(actor: Actor, user_id: UUID) -> User:
    """Let somebody in again; commits."""
    user = find(actor, user_id)
    user.is_disabled = False
    _record(actor, "user.enabled", user)
    db.session.commit()
    return user


def reset_second_factor(actor: Actor, user_id: UUID) -> User:
    """For somebody who lost phone and recovery codes; ends their sessions; commits."""
    user = find(actor, user_id)
    second_factor.clear(user)
    user.session_epoch += 1
    _record(actor, "second_factor.reset", user)
    db.session.commit()
    return user


def make_link(actor: Actor, user_id: UUID, *, at: datetime) -> tuple[LinkPurpose, str]:
    """Make an invitation or reset link to hand over; commits. See ``links.make``."""
    user = find(actor, user_id)
    purpose, secret = links.make(user, at=at)
    _record(actor, f"{purpose}.made", user)
    db.session.commit()
    return purpose, secret


def _require_another_admin(user: User) -> None:
    if not user.is_msp_admin or user.is_disabled:
        return
    others = select(func.count()).where(
        User.is_msp_admin, User.is_disabled.is_(False), User.id != user.id
    )
    if not db.session.scalar(others):
        raise Conflict("This is the last MSP admin. Make somebody else one first.")


def _record(actor: Actor, action: str, user: User, details: Json | None = None) -> None:
    facts = details or {"email": user.email}
    audit.record(actor, action, tenant=None, resource=f"user:{user.id}", details=facts)
