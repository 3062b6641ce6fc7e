"""The morning digest: when it is due, and its subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp.domain.health import Health

_WORDS = (
    (Health.FAILED, "failed"),
    (Health.OVERDUE, "overdue"),
    (Health.PARTIAL, "partial"),
    (Health.UNKNOWN, "never captured"),
)


def day_due(at: datetime, *, zone: str, time_of_day: str, sent_for: str | None) -> str | None:
    """The day whose digest should go out now; None if there is none.

    Compared as clocks on the wall show it: a time that a clock change leaves out is over once the
    clock is past it, and one that comes twice is due once. Who slept over it gets it the same day.
    """
    local = at.astimezone(_zone(zone))
    day = local.date().isoformat()
    is_time = local.strftime("%H:%M") >= time_of_day
    return day if is_time and (sent_for is None or sent_for < day) else None


def first_day(at: datetime, *, zone: str, time_of_day: str) -> str | None:
    """What to count as sent when a channel is new: today, if the time has gone by."""
    return day_due(at, zone=zone, time_of_day=time_of_day, sent_for=None)


def counts(states: Iterable[Health]) -> str:
    """``3 failed, 1 overdue, 42 fine``: the bad ones first, and never without the good."""
    found = Counter(states)
    bad = [f"{found[state]:,} {word}" for state, word in _WORDS if found[state]]
    fine = found[Health.SAFE] + found[Health.RUNNING]
    return ", ".join([*bad, f"{fine:,} fine"])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
