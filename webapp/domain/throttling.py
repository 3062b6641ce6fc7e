"""How long a person, or an address, has to wait after failed tries to sign in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

RECENT = timedelta(minutes=15)
REMEMBERED = timedelta(days=1)

FREE_PER_ACCOUNT = 5
FREE_PER_ADDRESS = 30

_SHORTEST_SECONDS = 60
_LONGEST_SECONDS = 15 * 60


def wait_seconds(failed_at: Sequence[datetime], *, free: int, now: datetime) -> int:
    """Seconds until the next try is listened to; 0 for at once.

    *free* failures within 15 minutes cost nothing. From then on each failure of the last day
    doubles the wait, from one minute up to fifteen, counted from the latest.
    """
    recent = [at for at in failed_at if now - at < RECENT]
    if len(recent) < free:
        return 0
    today = sum(now - at < REMEMBERED for at in failed_at)
    doublings = min(today - free, 10)
    wait = min(_SHORTEST_SECONDS * 2**doublings, _LONGEST_SECONDS)
    passed = (now - max(recent)).total_seconds()
    return max(0, round(wait - passed))
