"""Passwords: Argon2id hashes, and what a password must be like."""

from __future__ import annotations

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp.errors import Invalid

SHORTEST = 12
LONGEST = 1024

_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

# No 0, O, 1, l: read from a screen and typed.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def hash_of(password: str) -> str:
    """The Argon2id hash to store."""
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Say whether *password* is the one that *stored* was made from.

    None, for an account that is unknown or has no password yet, costs the same time as a wrong
    password: who waits for the answer learns nothing.
    """
    decoy = _decoy()
    try:
        _hasher.verify(stored or decoy, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Say whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def require_good(password: str, *, email: str, field: str = "password") -> None:
    """Raises:
    Invalid: too short, too long, or the person's own address.
    """
    problem = _problem(password, email)
    if problem:
        raise Invalid({field: problem})


def generate() -> str:
    """A password for a first sign-in: 20 letters and digits, about 99 bits."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _problem(password: str, email: str) -> str:
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if len(set(password)) < 5:
        return "Use more different characters."
    name = email.partition("@")[0]
    if password.lower() in {email, name * (len(password) // max(len(name), 1))}:
        return "Do not use your own address."
    return ""


@cache
def _decoy() -> str:
    return _hasher.hash(secrets.token_hex(16))
