"""Between password and code: who has passed the first, for five minutes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from flask import session

from webapp.models import User
from webapp.services import sign_in

_KEY = "second_step"
_LONGEST_SECONDS = 5 * 60


@dataclass(frozen=True)
class Step:
    user: User
    target: str


def begin(user: User, target: str) -> None:
    """Remember in the signed session that the password was right."""
    session.clear()
    session[_KEY] = [str(user.id), user.session_epoch, int(time.time()), target]


def under_way() -> Step | None:
    """Who owes a code, and where they want to go; None if nobody, or no longer."""
    if _KEY not in session:
        return None
    user_id, epoch, begun, target = session[_KEY]
    if time.time() - begun > _LONGEST_SECONDS:
        return None
    user = sign_in.pending(UUID(user_id), epoch)
    return Step(user, target) if user else None
