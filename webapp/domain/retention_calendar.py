"""Months with the days on which something stays: what a rule would keep, at a glance."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from uuid import UUID
from zoneinfo import ZoneInfo

from webapp.domain.retention import Decision, Point
from webapp.domain.slots import Timing, earlier

MOST_MONTHS = 13
MOST_IMAGINED = 10_000
YEAR = timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class Day:
    """``kept`` and ``gone``: how many restore points of that day stay, and go."""

    date: date
    kept: int = 0
    gone: int = 0

    @property
    def state(self) -> str:
        """``kept``, ``some`` of them, ``gone``, or empty: nothing was made."""
        if self.kept:
            return "some" if self.gone else "kept"
        return "gone" if self.gone else ""

    @property
    def words(self) -> str:
        if not self.state:
            return "nothing made"
        return ", ".join(
            [f"{self.kept} stay"] * bool(self.kept) + [f"{self.gone} go"] * bool(self.gone)
        )


@dataclass(frozen=True, kw_only=True)
class Month:
    """``weeks`` begin on Monday; None stands for a day of another month."""

    first: date
    weeks: list[list[Day | None]]

    @property
    def title(self) -> str:
        return f"{self.first:%B %Y}"


def months(decisions: Sequence[Decision], *, timezone: str) -> list[Month]:
    """From the newest month that has any to the oldest, at most 13; none is left out between."""
    zone = ZoneInfo(timezone)
    days = {True: Counter[date](), False: Counter[date]()}
    for decision in decisions:
        days[decision.is_kept][decision.point.made_at.astimezone(zone).date()] += 1
    made_on = {*days[True], *days[False]}
    if not made_on:
        return []
    found: list[Month] = []
    first = max(made_on).replace(day=1)
    while first >= min(made_on).replace(day=1) and len(found) < MOST_MONTHS:
        found.append(_month(first, days[True], days[False]))
        first = (first - timedelta(days=1)).replace(day=1)
    return found


def _month(first: date, kept: Counter[date], gone: Counter[date]) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return Month(
        first=first,
        weeks=[
            [
                Day(date=day, kept=kept[day], gone=gone[day]) if day.month == first.month else None
                for day in week
            ]
            for week in weeks
        ],
    )


def imagined(timing: Timing, *, at: datetime) -> list[Point]:
    """The complete restore points of the last year, at the schedule's own times: what one that has
    made none yet would have made. Of a very frequent one, the newest ten thousand."""
    year = takewhile(lambda minute: minute > at - YEAR, earlier(timing, at))
    return [
        Point(id=UUID(int=round(minute.timestamp())), made_at=minute)
        for minute in islice(year, MOST_IMAGINED)
    ]
