"""An account with everything it needs, in one step: what the command line asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission, Role
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import User
from webapp.services import access as gate
from webapp.services import installation, links, people, users


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An account, and where it is given a role; ``tenant_slug`` and ``role`` go together."""

    email: str
    name: str = ""
    is_msp_admin: bool = False
    tenant_slug: str | None = None
    role: Role = Role.VIEWER
    content: bool = False


@dataclass(frozen=True)
class Provided:
    """``link`` is to be handed over; None: the person has a password."""

    user: User
    link: str | None


def provide(actor: Actor, wanted: Wanted, *, password: str | None, at: datetime) -> Provided:
    """Make the account if there is none, and give it the role that is asked for; commits.

    Raises:
        Forbidden: the actor may not; a manager can invite into an own tenant, nothing more.
        Conflict: the person has a role there already.
        Invalid: the password is not good enough.
    """
    if actor.is_msp_admin:
        return _by_admin(actor, wanted, password=password, at=at)
    if wanted.tenant_slug is None or wanted.is_msp_admin or password is not None:
        raise Forbidden
    access = gate.enter(actor, wanted.tenant_slug, Permission.MANAGE)
    invited = people.invite(
        access, wanted.email, name=wanted.name, role=wanted.role, content=wanted.content, at=at
    )
    return Provided(invited.member.user, _address(invited.secret))


def _by_admin(actor: Actor, wanted: Wanted, *, password: str | None, at: datetime) -> Provided:
    user = users.called(wanted.email) if wanted.tenant_slug else None
    if user is None:
        user = users.add(
            actor, wanted.email, name=wanted.name, is_msp_admin=wanted.is_msp_admin, at=at
        )
    elif wanted.is_msp_admin and not user.is_msp_admin:
        user = users.set_admin(actor, user.id, is_msp_admin=True)
    if wanted.tenant_slug:
        access = gate.enter(actor, wanted.tenant_slug, Permission.MANAGE)
        people.add(access, user, role=wanted.role, content=wanted.content)
    if password is not None:
        users.set_password(actor, user, password)
    secret = None if user.password_hash else links.make(user, at=at)[1]
    db.session.commit()
    return Provided(user, _address(secret))


def _address(secret: str | None) -> str | None:
    if secret is None:
        return None
    settings = installation.settings()
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{base}/link/{secret}"
