"""The first start: database and first admin. Safe to repeat at every start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from webapp.domain.actors import Actor
from webapp.extensions import db
from webapp.models import User
from webapp.services import audit, installation, passwords, users


@dataclass(frozen=True)
class FirstAdmin:
    email: str
    password: str


def first_admin(actor: Actor, email: str, *, at: datetime) -> FirstAdmin | None:
    """Make the first MSP admin where there is nobody at all; commits.

    None if there are people already: the password is known once, to whoever made the first start.
    """
    if db.session.scalar(select(func.count(User.id))):
        db.session.rollback()
        return None
    fingerprint = installation.ring().fingerprint
    audit.record(
        actor, "installation.created", tenant=None, details={"key_fingerprint": fingerprint}
    )
    user = users.add(actor, email, is_msp_admin=True, at=at)
    password = passwords.generate()
    user.password_hash = passwords.hash_of(password)
    db.session.commit()
    return FirstAdmin(email, password)
