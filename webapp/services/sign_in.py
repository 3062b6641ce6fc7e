"""Signing in: password first, then the second factor where there is one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from webapp.domain.actors import Actor
from webapp.errors import Invalid
from webapp.extensions import db
from webapp.models import User
from webapp.services import access, audit, passwords, second_factor, throttle
from webapp.services.throttle import Try

# One sentence for every cause: it never says whether the account exists.
_WRONG = "The e-mail address or the password is not right."
_WRONG_CODE = "That code is not right, or was used before."


def check_password(email: str, password: str, *, address: str, at: datetime) -> User:
    """Return the person whose address and password these are; commits.

    They are signed in only after ``complete``, and with a second factor only after
    ``check_code``. Unknown accounts cost the same work as known ones.

    Raises:
        Invalid: not right, or the person may not sign in. It never says which.
        Throttled: too many failed tries.
    """
    email = email.strip().lower()
    begun = throttle.begin(email, address, at=at)
    user = db.session.scalar(select(User).where(User.email == email))
    user_id, stored = (user.id, user.password_hash) if user else (None, None)
    db.session.rollback()  # hashing takes long; nobody else's write has to wait for it
    is_right = passwords.matches(stored, password)
    renewed = _renewed(stored, password) if is_right else None
    user = db.session.get(User, user_id) if user_id else None
    if not is_right or user is None or user.is_disabled:
        _note_failure(user, address, step="password")
        raise Invalid({"password": _WRONG})
    if renewed:
        user.password_hash = renewed
    throttle.take_back(begun)
    db.session.commit()
    return user


def confirm_password(user: User, password: str, *, address: str, at: datetime) -> None:
    """Check the password of somebody signed in, before an act that needs it; commits.

    Raises:
        Invalid: it is wrong.
        Throttled: too many failed tries.
    """
    begun = throttle.begin(user.email, address, at=at)
    if not passwords.matches(user.password_hash, password):
        _note_failure(user, address, step="confirmation")
        raise Invalid({"current_password": "That is not your present password."})
    throttle.take_back(begun)
    db.session.commit()


def pending(user_id: UUID, epoch: int) -> User | None:
    """The person who has given the right password and owes a code; None if that has lapsed."""
    user = db.session.get(User, user_id)
    if user is None or user.is_disabled or user.session_epoch != epoch:
        return None
    return user


def check_code(user: User, code: str, *, address: str, at: datetime) -> None:
    """Check the second factor: a code of the app, or a recovery code; commits.

    Raises:
        Invalid: wrong, or used before.
        Throttled: too many failed tries.
    """
    begun = throttle.begin(user.email, address, at=at)
    by_app = second_factor.spend_code(user, code, at=at)
    if not by_app and not second_factor.spend_recovery_code(user, code):
        _note_failure(user, address, step="code")
        raise Invalid({"code": _WRONG_CODE})
    _accept(user, begun, by_app=by_app)
    db.session.commit()


def complete(user: User, *, address: str, at: datetime) -> None:
    """Write down that the person is in; commits. The page begins the session."""
    throttle.forgive(user.email)
    user.last_sign_in_at = at
    audit.record(
        access.actor_of(user), "sign_in.succeeded", tenant=None,
        resource=f"user:{user.id}", details={"address": address},
    )  # fmt: skip
    db.session.commit()


def sign_out(user: User) -> None:
    """Write down that the person left; commits."""
    audit.record(access.actor_of(user), "sign_in.ended", tenant=None, resource=f"user:{user.id}")
    db.session.commit()


def _accept(user: User, begun: Try, *, by_app: bool) -> None:
    throttle.take_back(begun)
    if not by_app:
        audit.record(
            access.actor_of(user), "recovery_code.used", tenant=None,
            resource=f"user:{user.id}", details={"left": len(user.recovery_codes)},
        )  # fmt: skip


def _renewed(stored: str | None, password: str) -> str | None:
    outdated = stored is not None and passwords.is_outdated(stored)
    return passwords.hash_of(password) if outdated else None


def _note_failure(user: User | None, address: str, *, step: str) -> None:
    """One row for known and unknown accounts alike, so that both take the same time."""
    actor = access.actor_of(user) if user else Actor(label="unknown")
    audit.record(
        actor, "sign_in.failed", tenant=None,
        resource=f"user:{user.id}" if user else "", details={"address": address, "step": step},
    )  # fmt: skip
    db.session.commit()
