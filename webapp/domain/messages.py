"""When a message that did not go out is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

GIVE_UP = timedelta(days=1)
_FIRST = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)


def next_try(tries: int, *, created_at: datetime, at: datetime, chance: float) -> datetime | None:
    """When to try again after *tries* failed ones; None once a day has gone by.

    The pause doubles from a minute to an hour; *chance*, 0 to 1, makes it up to a quarter longer,
    so that what failed together is not tried together.
    """
    pause = min(_FIRST * 2 ** min(tries - 1, 10), _LONGEST)
    then = at + pause * (1 + chance / 4)
    return then if then - created_at <= GIVE_UP else None
