"""Which restore points stay, and by which rule. No input, no output, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

LEAST_PRE_RESTORE_DAYS = 30
MOST = 10_000  # of anything that a rule counts


class Origin(StrEnum):
    """What made a restore point. Only what a schedule made counts for a schedule."""

    SCHEDULE = "schedule"
    HAND = "hand"
    PROTECT = "protect"
    DRILL = "drill"
    PRE_RESTORE = "pre-restore"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How much a schedule keeps. Days and weeks are those of its zone, a week begins on Monday.

    Attributes:
        within_days: all that are younger.
    """

    keep_last: int = 30
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_days: int = 0
    timezone: str = "UTC"

    @classmethod
    def of(cls, keep_last: int, more: Mapping[str, int], *, timezone: str = "UTC") -> Rules:
        """Rules from the columns of a schedule; a word in *more* that is no rule is left out."""
        known = {name: int(more[name]) for name in MORE if more.get(name)}
        return cls(keep_last=keep_last, timezone=timezone, **known)

    @property
    def words(self) -> str:
        """Such as ``the last 30, one a day for 7 days, all of the last 14 days``."""
        counted = [
            f"one {per} for {getattr(self, name)} {unit}{'' if getattr(self, name) == 1 else 's'}"
            for name, per, unit in _WORDS
            if getattr(self, name)
        ]
        young = [f"all of the last {self.within_days} days"] if self.within_days else []
        return ", ".join([f"the last {self.keep_last}", *counted, *young])


_WORDS = (
    ("hourly", "an hour", "hour"),
    ("daily", "a day", "day"),
    ("weekly", "a week", "week"),
    ("monthly", "a month", "month"),
    ("yearly", "a year", "year"),
)
MORE = (*(name for name, _, _ in _WORDS), "within_days")


def problems(keep_last: int, more: Mapping[str, int]) -> dict[str, str]:
    """What is wrong with rules as somebody wrote them: field to sentence."""
    found = {}
    if not 1 <= keep_last <= MOST:
        found["retention_keep_last"] = f"Keep at least one, and at most {MOST:,}."
    for name, count in more.items():
        if name not in MORE:
            found[f"retention_{name}"] = "There is no such rule."
        elif not 0 <= count <= MOST:
            found[f"retention_{name}"] = f"A whole number from 0 to {MOST:,}."
    return found


@dataclass(frozen=True, kw_only=True)
class OwnRules:
    """For how many days restore points stay that no schedule made; None until a person deletes
    them. What a restore would overwrite is kept for 30 days at least: so long it can be undone."""

    hand_days: int | None = None
    protect_days: int | None = 30
    drill_days: int | None = 30
    pre_restore_days: int = LEAST_PRE_RESTORE_DAYS

    def days_of(self, origin: Origin) -> int | None:
        if origin is Origin.PRE_RESTORE:
            return max(self.pre_restore_days, LEAST_PRE_RESTORE_DAYS)
        return {
            Origin.PROTECT: self.protect_days,
            Origin.DRILL: self.drill_days,
        }.get(origin, self.hand_days)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A restore point, as far as rules look at it.

    Attributes:
        sort: full, db, files, …: one sort does not stand in for another.
        schedule: that made it, if one did.
        spared: why nothing may delete it whatever the rules say; empty if it may.
    """

    id: UUID
    made_at: datetime
    is_complete: bool = True
    sort: str = "full"
    origin: Origin = Origin.SCHEDULE
    schedule: UUID | None = None
    spared: str = ""

    @property
    def order(self) -> tuple[datetime, int]:
        return (self.made_at, self.id.int)


class Decision(NamedTuple):
    """``rule`` says in words why it stays, or why it goes."""

    point: Point
    is_kept: bool
    rule: str


_Period = Callable[[datetime], tuple[str, str]]  # what tells two apart, and how it is called
_PERIODS: tuple[tuple[str, _Period], ...] = (
    ("hourly", lambda at: (f"{at:%Y-%m-%d %H %z}", f"hour {at:%d %b %Y %H:00}")),
    ("daily", lambda at: (f"{at:%Y-%m-%d}", f"day {at:%d %b %Y}")),
    ("weekly", lambda at: (f"{at:%G-%V}", f"week {at:%V of %G}")),
    ("monthly", lambda at: (f"{at:%Y-%m}", f"month {at:%b %Y}")),
    ("yearly", lambda at: (f"{at:%Y}", f"year {at:%Y}")),
)


def decide(points: Sequence[Point], rules: Rules, *, at: datetime) -> list[Decision]:
    """One decision for each restore point of one schedule, newest first.

    One that is not complete keeps no complete one out: it takes only what complete ones leave
    over of a count. The newest complete one stays, and so do the newest that are newer than it.
    """
    newest_first = sorted(points, key=lambda point: point.order, reverse=True)
    reasons: dict[UUID, list[str]] = {point.id: [] for point in newest_first}
    for point, reason in (
        *((point, point.spared) for point in newest_first if point.spared),
        *_by_count(newest_first, rules),
        *_young(newest_first, rules, at=at),
    ):
        reasons[point.id].append(reason)
    _keep_newest(newest_first, rules, reasons)
    return [
        Decision(
            point, bool(reasons[point.id]), ", ".join(reasons[point.id]) or _why_not(point, rules)
        )
        for point in newest_first
    ]


def _by_count(newest_first: Sequence[Point], rules: Rules) -> Iterator[tuple[Point, str]]:
    """The newest ones, and the newest of each of the latest periods that have any."""
    complete_first = sorted(newest_first, key=lambda point: not point.is_complete)
    for number, point in enumerate(complete_first[: rules.keep_last], start=1):
        yield point, _said(point, f"last {number} of {rules.keep_last}")
    zone = ZoneInfo(rules.timezone)
    for name, period in _PERIODS:
        if not getattr(rules, name):
            continue
        seen: dict[str, tuple[Point, str]] = {}
        for point in complete_first:
            key, words = period(point.made_at.astimezone(zone))
            seen.setdefault(key, (point, words))
        for point, words in list(seen.values())[: getattr(rules, name)]:
            yield point, _said(point, words)


def believed(points: Sequence[Point], at: datetime) -> datetime:
    """What time it is for rules of time: a day after the newest restore point at the latest. So
    nothing grows old where backups have stopped, nor by a clock that jumps ahead."""
    newest = max((point.made_at for point in points), default=at)
    return min(at, newest + timedelta(days=1))


def _young(
    newest_first: Sequence[Point], rules: Rules, *, at: datetime
) -> Iterator[tuple[Point, str]]:
    if rules.within_days:
        since = believed(newest_first, at) - timedelta(days=rules.within_days)
        for point in newest_first:
            if point.made_at > since:
                yield point, f"within {rules.within_days} days"


def _keep_newest(
    newest_first: Sequence[Point], rules: Rules, reasons: dict[UUID, list[str]]
) -> None:
    newest = next((point for point in newest_first if point.is_complete), None)
    if newest is not None and not reasons[newest.id]:
        reasons[newest.id].append("the newest complete one")
    newer = [point for point in newest_first if newest is None or point.order > newest.order]
    for point in newer[: rules.keep_last]:
        if not reasons[point.id]:
            reasons[point.id].append("incomplete, but no newer one is complete")


def _said(point: Point, rule: str) -> str:
    return rule if point.is_complete else f"{rule}, incomplete: no complete one takes that place"


def _why_not(point: Point, rules: Rules) -> str:
    if point.is_complete:
        return f"No rule keeps it: {rules.words}."
    return f"It is incomplete, and complete ones come first: {rules.words}."
