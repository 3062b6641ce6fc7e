"""Counts tries to sign in, by account and by address, in the database.

A try is written down as failed before it is looked at, and taken back when it was right: tries
made at the same moment cannot slip past the count, and whether the account exists plays no part.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from webapp.domain import throttling
from webapp.errors import Throttled
from webapp.extensions import db
from webapp.models import SignInFailure
from webapp.models.columns import new_id

_FREE = {"email": throttling.FREE_PER_ACCOUNT, "address": throttling.FREE_PER_ADDRESS}


@dataclass(frozen=True)
class Try:
    """One try under way: the rows that count it as failed until ``take_back``."""

    ids: tuple[UUID, ...]


def begin(email: str, address: str, *, at: datetime) -> Try:
    """Count one more try as failed, and commit.

    Raises:
        Throttled: too many have failed; this one is not counted and must not be looked at.
    """
    subjects = (f"email:{email}", f"address:{_network(address)}")
    wait = max(_wait(subject, at=at) for subject in subjects)
    if wait:
        db.session.rollback()
        raise Throttled(wait)
    rows = [SignInFailure(id=new_id(), subject=subject, at=at) for subject in subjects]
    db.session.add_all(rows)
    begun = Try(tuple(row.id for row in rows))
    forgotten = SignInFailure.at < at - throttling.REMEMBERED
    db.session.execute(delete(SignInFailure).where(forgotten))
    db.session.commit()
    return begun


def take_back(begun: Try) -> None:
    """It was right: count it no longer. The caller commits."""
    db.session.execute(delete(SignInFailure).where(SignInFailure.id.in_(begun.ids)))


def forgive(email: str) -> None:
    """Forget the account's failures, after a whole sign-in. The caller commits.

    Those of the address stay: otherwise an own account would buy endless tries at others.
    """
    db.session.execute(delete(SignInFailure).where(SignInFailure.subject == f"email:{email}"))


def _wait(subject: str, *, at: datetime) -> int:
    failed_at = db.session.scalars(
        select(SignInFailure.at).where(
            SignInFailure.subject == subject, SignInFailure.at > at - throttling.REMEMBERED
        )
    ).all()
    return throttling.wait_seconds(failed_at, free=_FREE[subject.partition(":")[0]], now=at)


def _network(address: str) -> str:
    """The address, or for IPv6 its /64: whoever has one address there has them all."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
