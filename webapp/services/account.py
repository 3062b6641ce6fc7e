"""What people do with their own account. All of it is audited in the installation's chain."""

from __future__ import annotations

from webapp.extensions import db
from webapp.models import User
from webapp.services import access, audit, passwords, second_factor


def rename(user: User, name: str) -> None:
    """Change the name that others see; commits."""
    user.name = name.strip()
    _record(user, "account.renamed")
    db.session.commit()


def change_password(user: User, password: str) -> None:
    """Set a new password and end all other sessions; commits. The page keeps its own.

    Raises:
        Invalid: not good enough.
    """
    passwords.require_good(password, email=user.email, field="new_password")
    user.password_hash = passwords.hash_of(password)
    user.session_epoch += 1
    _record(user, "password.changed")
    db.session.commit()


def end_other_sessions(user: User) -> None:
    """Sign the person out everywhere; commits. The page keeps its own session."""
    user.session_epoch += 1
    _record(user, "sessions.ended")
    db.session.commit()


def turn_off_second_factor(user: User) -> None:
    """Go back to the password alone; commits. The page has asked for the password."""
    second_factor.clear(user)
    _record(user, "second_factor.off")
    db.session.commit()


def _record(user: User, action: str) -> None:
    audit.record(access.actor_of(user), action, tenant=None, resource=f"user:{user.id}")
