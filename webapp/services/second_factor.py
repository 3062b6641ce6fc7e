"""The second factor: time-based codes (RFC 6238) that work once, and recovery codes."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from hashlib import sha256

import pyotp
from sqlalchemy import update

from webapp.errors import Conflict, Invalid
from webapp.extensions import db
from webapp.models import User
from webapp.services import access, audit, installation

RECOVERY_CODES = 10

_STEP_SECONDS = 30
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def is_on(user: User) -> bool:
    return user.totp_confirmed_at is not None


def begin(user: User) -> None:
    """Make a new secret, not in use before ``confirm``; commits.

    Raises:
        Conflict: a second factor is in use; it has to be turned off first.
    """
    _require_off(user)
    user.totp_sealed = installation.seal(pyotp.random_base32(), purpose=_purpose(user))
    db.session.commit()


def secret_of(user: User) -> str | None:
    """The key to type by hand, while enrolment is under way; None otherwise."""
    if user.totp_sealed is None or is_on(user):
        return None
    return _unsealed(user)


def address_of(user: User) -> str:
    """What the QR code says: ``otpauth://totp/…``. Only while enrolment is under way."""
    secret = secret_of(user)
    if secret is None:
        raise Conflict("No second factor is being set up.")
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name="Lastgood")


def confirm(user: User, code: str, *, at: datetime) -> list[str]:
    """Take the second factor into use if *code* proves that it was set up right; commits.

    Returns:
        Recovery codes: shown once, kept as hashes only.

    Raises:
        Invalid: the code is wrong.
        Conflict: nothing is being set up.
    """
    _require_off(user)
    if user.totp_sealed is None:
        raise Conflict("No second factor is being set up.")
    if not spend_code(user, code, at=at):
        raise Invalid({"code": "That code is not right. Check the clock of your phone."})
    user.totp_confirmed_at = at
    codes = _renew_codes(user)
    audit.record(access.actor_of(user), "second_factor.on", tenant=None, resource=f"user:{user.id}")
    db.session.commit()
    return codes


def renew_recovery_codes(user: User) -> list[str]:
    """Replace all recovery codes; commits.

    Raises:
        Conflict: no second factor is in use.
    """
    if not is_on(user):
        raise Conflict("There is no second factor to recover from.")
    codes = _renew_codes(user)
    actor = access.actor_of(user)
    audit.record(actor, "recovery_codes.renewed", tenant=None, resource=f"user:{user.id}")
    db.session.commit()
    return codes


def clear(user: User) -> None:
    """Forget the second factor and all that belongs to it. The caller audits and commits."""
    user.totp_sealed = None
    user.totp_confirmed_at = None
    user.recovery_codes = []


def spend_code(user: User, code: str, *, at: datetime) -> bool:
    """Say whether *code* is right and was not used before; it is used up. The caller commits.

    The step before and after the present one count, too, for clocks that are off.
    """
    if user.totp_sealed is None:
        return False
    totp = pyotp.TOTP(_unsealed(user))
    now = int(at.timestamp()) // _STEP_SECONDS
    typed = code.replace(" ", "")
    found = [step for step in (now - 1, now, now + 1) if _same(totp.generate_otp(step), typed)]
    return bool(found) and _use_step(user, max(found))


def spend_recovery_code(user: User, code: str) -> bool:
    """Say whether *code* is one of the recovery codes; it is used up. The caller commits."""
    hashed = _hash(code)
    left = [known for known in user.recovery_codes if not _same(known, hashed)]
    if len(left) == len(user.recovery_codes):
        return False
    user.recovery_codes = left
    return True


def _require_off(user: User) -> None:
    if is_on(user):
        raise Conflict("A second factor is in use. Turn it off first.")


def _use_step(user: User, step: int) -> bool:
    """One statement decides, so that of two tries with one code at once only one is let in."""
    used = db.session.execute(
        update(User)
        .where(User.id == user.id, User.totp_last_step < step)
        .values(totp_last_step=step)
        .returning(User.id)
    ).scalar()
    return used is not None


def _renew_codes(user: User) -> list[str]:
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    user.recovery_codes = [_hash(code) for code in codes]
    return codes


def _recovery_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return "-".join((letters[:4], letters[4:8], letters[8:]))


def _hash(code: str) -> str:
    plain = code.lower().replace("-", "").replace(" ", "")
    key = installation.ring().derive("recovery codes")
    return hmac.new(key, plain.encode("utf-8", "surrogatepass"), sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))


def _purpose(user: User) -> str:
    return f"second factor of {user.id}"


def _unsealed(user: User) -> str:
    assert user.totp_sealed is not None
    return installation.unseal(user.totp_sealed, purpose=_purpose(user))
