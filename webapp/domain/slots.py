"""When a schedule runs: times on the wall clock of a zone, turned into whole minutes of UTC.

A time that a clock change leaves out does not exist: it is no slot. One that comes twice counts
once, the first time. So the times of a zone's clock go up, and so do the slots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

FORWARD, BACK = "clocks go forward on this day", "clocks go back on this day"
_DAY = timedelta(days=1)
_YEAR_AND_A_BIT = 400


class Frequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    CRON = "cron"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When: the part of a schedule that slots follow from. Only what ``schedules.problems`` has
    nothing against."""

    frequency: Frequency
    timezone: str = "UTC"
    time_of_day: str | None = None  # HH:MM
    days_of_week: tuple[int, ...] = ()  # 1 Monday … 7 Sunday
    cron: str | None = None


@dataclass(frozen=True)
class Slot:
    """One time at which a schedule runs.

    Attributes:
        utc: None if clocks never show this time, so that nothing runs.
        local: what the clock on the wall shows, without a zone.
        note: what is special about that day; mostly empty.
    """

    utc: datetime | None
    local: datetime
    note: str = ""


@dataclass(frozen=True)
class ClockChange:
    """A day on which a zone's clocks change, and what becomes of the slots on it."""

    on: date
    is_forward: bool
    slots: tuple[Slot, ...]


def whole_minute(at: datetime) -> datetime:
    """The minute that *at* lies in, as UTC."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


@lru_cache(maxsize=4096)
def next_after(timing: Timing, after: datetime) -> datetime | None:
    """The first slot later than *after*; None if there is none in fifty years."""
    return next(minutes(timing, after), None)


def minutes(timing: Timing, after: datetime) -> Iterator[datetime]:
    """Every slot later than *after*, in order, as UTC."""
    zone = ZoneInfo(timing.timezone)
    for local in _local_times(timing, _wall_clock(after, zone)):
        utc = in_utc(local, zone)
        if utc is not None and utc > after:
            yield utc


def earlier(timing: Timing, until: datetime) -> Iterator[datetime]:
    """Every slot up to *until*, the newest first, as UTC."""
    zone = ZoneInfo(timing.timezone)
    # A day ahead: where clocks went back, a time may lie before one that shows less.
    for local in _local_times_back(timing, _wall_clock(until, zone) + _DAY):
        utc = in_utc(local, zone)
        if utc is not None and utc <= until:
            yield utc


def upcoming(timing: Timing, after: datetime, count: int = 10) -> list[Slot]:
    """The next *count* slots, with those that a clock change leaves out, and notes."""
    return list(islice(_slots(timing, after), count))


def clock_changes(timing: Timing, after: datetime, count: int = 2) -> list[ClockChange]:
    """The next days on which the zone's clocks change, within some 13 months."""
    zone = ZoneInfo(timing.timezone)
    today = _wall_clock(after, zone).date()
    days = (today + timedelta(days=number) for number in range(_YEAR_AND_A_BIT))
    changing = ((day, _change_on(day, zone)) for day in days)
    return [
        ClockChange(day, change > timedelta(), tuple(_on_day(timing, day, zone)))
        for day, change in islice(((d, c) for d, c in changing if c), count)
    ]


def in_utc(local: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment at which clocks in *zone* show *local*; None if they never do."""
    utc = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return utc if _wall_clock(utc, zone) == local else None


def _wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _slots(timing: Timing, after: datetime) -> Iterator[Slot]:
    zone = ZoneInfo(timing.timezone)
    for local in _local_times(timing, _wall_clock(after, zone)):
        utc = in_utc(local, zone)
        if utc is None or utc > after:
            yield Slot(utc, local, _note(local, utc, zone))


def _on_day(timing: Timing, day: date, zone: ZoneInfo) -> Iterator[Slot]:
    """All slots of one day by the clock on the wall, at most a day's worth of minutes."""
    before = datetime.combine(day, time()) - timedelta(minutes=1)
    for local in takewhile(lambda t: t.date() == day, _local_times(timing, before)):
        utc = in_utc(local, zone)
        yield Slot(utc, local, _note(local, utc, zone))


def _note(local: datetime, utc: datetime | None, zone: ZoneInfo) -> str:
    change = _change_on(local.date(), zone)
    if not change:
        return ""
    note = FORWARD if change > timedelta() else BACK
    if utc is None:
        return f"{note}: this time does not exist, nothing runs"
    return f"{note}: this time comes twice, it runs once" if _is_twice(local, zone) else note


def _is_twice(local: datetime, zone: ZoneInfo) -> bool:
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first != second


def _change_on(day: date, zone: ZoneInfo) -> timedelta:
    """By how much clocks are put forward (or, below zero, back) on that day."""
    begin, end = (datetime.combine(d, time(), tzinfo=zone).utcoffset() for d in (day, day + _DAY))
    return (end or timedelta()) - (begin or timedelta())


def _local_times(timing: Timing, after: datetime) -> Iterator[datetime]:
    """The times on the wall clock, later than *after*, that the schedule names."""
    if timing.frequency is Frequency.CRON:
        return CronSim(timing.cron or "", after)
    every_day = tuple(range(1, 8))
    days = timing.days_of_week if timing.frequency is Frequency.WEEKLY else every_day
    return _times_on(days, time.fromisoformat(timing.time_of_day or "00:00"), after)


def _local_times_back(timing: Timing, before: datetime) -> Iterator[datetime]:
    """The same backwards, earlier than *before*."""
    if timing.frequency is Frequency.CRON:
        return CronSim(timing.cron or "", before, reverse=True)
    weekly = timing.frequency is Frequency.WEEKLY
    days = timing.days_of_week if weekly else tuple(range(1, 8))
    return _times_back(days, time.fromisoformat(timing.time_of_day or "00:00"), before)


def _times_on(days: tuple[int, ...], at: time, after: datetime) -> Iterator[datetime]:
    day = after.date() if days else date.max
    while day < date.max:
        local = datetime.combine(day, at)
        if day.isoweekday() in days and local > after:
            yield local
        day += _DAY


def _times_back(days: tuple[int, ...], at: time, before: datetime) -> Iterator[datetime]:
    day = before.date() if days else date.min
    while day > date.min:
        local = datetime.combine(day, at)
        if day.isoweekday() in days and local < before:
            yield local
        day -= _DAY
