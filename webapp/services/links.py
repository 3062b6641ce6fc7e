"""One-time links: invitations and password resets. Only a hash of each secret is kept."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select, update

from webapp.errors import NotFound
from webapp.extensions import db
from webapp.models import LinkPurpose, OneTimeLink, User
from webapp.services import access, audit, passwords

VALID: dict[LinkPurpose, timedelta] = {
    LinkPurpose.INVITATION: timedelta(days=7),
    LinkPurpose.RESET: timedelta(hours=1),
}


def make(user: User, *, at: datetime) -> tuple[LinkPurpose, str]:
    """Make a link with which *user* sets a password; earlier ones stop working.

    The caller has checked the right to do so, audits and commits.

    Returns:
        Its purpose (an invitation if there is no password yet), and its secret, known only now.
    """
    purpose = LinkPurpose.RESET if user.password_hash else LinkPurpose.INVITATION
    secret = secrets.token_urlsafe(32)
    _use_up(user, at=at)
    db.session.add(
        OneTimeLink(
            user_id=user.id,
            purpose=purpose,
            secret_hash=_hash(secret),
            created_at=at,
            expires_at=at + VALID[purpose],
        )
    )
    return purpose, secret


def find(secret: str, *, at: datetime) -> OneTimeLink:
    """Return the link with this secret.

    Raises:
        NotFound: unknown, used, or too old; never said which.
    """
    link = db.session.scalar(select(OneTimeLink).where(OneTimeLink.secret_hash == _hash(secret)))
    if link is None or link.used_at or link.expires_at <= at or link.user.is_disabled:
        raise NotFound("This link does not work, or no longer. Ask for a new one.")
    return link


def use(secret: str, *, password: str, name: str = "", at: datetime) -> User:
    """Set the password, use up the link, end all sessions of the person; commits.

    Raises:
        NotFound: as ``find``.
        Invalid: the password is not good enough; the link still works.
    """
    link = find(secret, at=at)
    user = link.user
    passwords.require_good(password, email=user.email)
    user.password_hash = passwords.hash_of(password)
    user.session_epoch += 1
    user.name = name or user.name
    _use_up(user, at=at)
    actor = access.actor_of(user)
    audit.record(actor, f"{link.purpose}.used", tenant=None, resource=f"user:{user.id}")
    db.session.commit()
    return user


def _use_up(user: User, *, at: datetime) -> None:
    db.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.user_id == user.id, OneTimeLink.used_at.is_(None))
        .values(used_at=at)
    )


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
