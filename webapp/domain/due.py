"""What one look at the clock makes of a schedule: what runs now, and what was missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from webapp.domain.schedules import MissedRule, Trigger
from webapp.domain.slots import Timing, minutes

MOST_SHOWN = 50
LOOK_BACK = timedelta(days=31)  # nobody needs to know each minute of a year asleep


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to become of one slot.

    Attributes:
        skipped: empty if it is to run, else why not: a code of ``schedules.SKIPPED``.
        more: how many earlier slots this one stands for, of which the first was ``since``.
    """

    minute: datetime
    trigger: Trigger = Trigger.SCHEDULE
    skipped: str = ""
    more: int = 0
    since: datetime | None = None


def wanted(
    timing: Timing,
    *,
    since: datetime,
    at: datetime,
    rule: MissedRule,
    paused_until: datetime | None = None,
) -> list[Wanted]:
    """What becomes of the slots later than *since*, up to the minute *at*; in order.

    The slot of this very minute runs. Earlier ones were missed: they are skipped, except that by
    the rule ``once`` the newest runs in place of all if no slot runs anyway.
    """
    begin = max(since, at - LOOK_BACK)
    found = list(takewhile(lambda minute: minute <= at, minutes(timing, begin)))
    if not found:
        return []
    newest = found[-1]
    runs = not _is_paused(newest, paused_until) and (newest == at or rule is MissedRule.ONCE)
    left = found[:-1] if runs else found
    skipped = [Wanted(minute=m, skipped=_why(m, paused_until)) for m in left]
    trigger = Trigger.SCHEDULE if newest == at else Trigger.MISSED
    return [*_bounded(skipped), *([Wanted(minute=newest, trigger=trigger)] if runs else [])]


def _is_paused(minute: datetime, until: datetime | None) -> bool:
    return until is not None and minute < until


def _why(minute: datetime, paused_until: datetime | None) -> str:
    return "paused" if _is_paused(minute, paused_until) else "missed"


def _bounded(skipped: list[Wanted]) -> list[Wanted]:
    """The newest ones each for itself; one more stands for all that were before them."""
    if len(skipped) <= MOST_SHOWN:
        return skipped
    old, shown = skipped[:-MOST_SHOWN], skipped[-MOST_SHOWN:]
    last = old[-1]
    summary = Wanted(
        minute=last.minute, skipped=last.skipped, more=len(old) - 1, since=old[0].minute
    )
    return [summary, *shown]
