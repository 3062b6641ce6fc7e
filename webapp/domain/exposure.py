"""Which sources are unprotected or overdue, why in words, and what would help: pure rules.

A source is exposed while it has no complete restore point, while its newest one is older than its
target, or while nothing captures it by itself. A capture that is under way changes what helps, not
that: only its end does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webapp.domain.alerts import length, when
from webapp.domain.runs import RunState


class Exposure(StrEnum):
    """The most urgent first."""

    NEVER = "never"  # no complete restore point
    OVERDUE = "overdue"  # none within the target
    UNSCHEDULED = "unscheduled"  # nothing captures it by itself

    @property
    def rank(self) -> int:
        return list(Exposure).index(self)


class Help(StrEnum):
    """What a person can do about it."""

    WATCH = "watch"  # the capture under way
    LOOK = "look"  # at the run that failed, or left something out
    CAPTURE = "capture"
    ADD_SCHEDULE = "add_schedule"
    OPEN_SCHEDULE = "open_schedule"  # to resume it, or switch it on


class Standing(StrEnum):
    """What a source's schedules come to; the best of them counts."""

    WORKS = "works"
    PAUSED = "paused"
    OFF = "off"
    PART = "part"  # it captures only a part of the source
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One schedule of a source, not archived. *is_whole*: it captures all of the source."""

    name: str
    is_enabled: bool
    is_whole: bool
    paused_until: datetime | None
    next_run_at: datetime | None

    def standing(self, at: datetime) -> Standing:
        if not self.is_whole:
            return Standing.PART
        if self.is_enabled and self.paused_until is not None and self.paused_until > at:
            return Standing.PAUSED
        return Standing.WORKS if self.is_enabled and self.next_run_at else Standing.OFF


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Attributes:
    last_state, last_reason: of the newest capture that has ended by itself.
    schedules: those that are not archived.
    """

    zone: str
    target_minutes: int
    newest_good_at: datetime | None = None
    last_state: RunState | None = None
    last_reason: str = ""
    is_running: bool = False
    schedules: Sequence[Planned] = ()

    @property
    def due_at(self) -> datetime | None:
        """When it is, or was, overdue; None without a complete restore point."""
        if self.newest_good_at is None:
            return None
        return self.newest_good_at + timedelta(minutes=self.target_minutes)


def exposure(facts: Facts, *, at: datetime) -> Exposure | None:
    """How a source is exposed; None if it is protected, and stays so by itself."""
    if facts.due_at is None:
        return Exposure.NEVER
    if at > facts.due_at:
        return Exposure.OVERDUE
    return None if _standing(facts, at)[0] is Standing.WORKS else Exposure.UNSCHEDULED


def why(facts: Facts, *, at: datetime) -> str:
    """The reason in one to three sentences; empty if it is not exposed."""
    found = exposure(facts, at=at)
    if found is None:
        return ""
    said = [_of_points(facts, found), "A capture is under way." if facts.is_running else ""]
    return " ".join(part for part in (*said, _of_schedules(facts, at)) if part)


def helps(facts: Facts, *, at: datetime) -> tuple[Help, ...]:
    """What to offer, the most useful first; nothing if it is not exposed."""
    found = exposure(facts, at=at)
    return () if found is None else tuple(_helps(facts, found, at))


def _helps(facts: Facts, found: Exposure, at: datetime) -> Iterator[Help]:
    if facts.is_running:
        yield Help.WATCH
    elif found is not Exposure.UNSCHEDULED:
        yield Help.CAPTURE
        if facts.last_state in {RunState.FAILED, RunState.PARTIAL}:
            yield Help.LOOK
    standing, _ = _standing(facts, at)
    if standing in {Standing.NONE, Standing.PART}:
        yield Help.ADD_SCHEDULE
    elif standing is not Standing.WORKS:
        yield Help.OPEN_SCHEDULE


def chosen(schedules: Sequence[Planned], at: datetime) -> int | None:
    """Which of the schedules the words are about: its place; None without any."""
    order = list(Standing)
    ranked = sorted(range(len(schedules)), key=lambda n: order.index(schedules[n].standing(at)))
    return ranked[0] if ranked else None


def _standing(facts: Facts, at: datetime) -> tuple[Standing, Planned | None]:
    place = chosen(facts.schedules, at)
    if place is None:
        return Standing.NONE, None
    best = facts.schedules[place]
    return best.standing(at), best


def _of_points(facts: Facts, found: Exposure) -> str:
    if found is Exposure.NEVER:
        return {
            None: "It has never been captured.",
            RunState.FAILED: f"No complete restore point: the last capture failed. {_why(facts)}",
            RunState.PARTIAL: "Only incomplete restore points: the last capture left something "
            f"out. {_why(facts)}",
        }.get(facts.last_state, "It has no complete restore point.").strip()
    if found is Exposure.UNSCHEDULED:
        moment = when(facts.due_at, facts.zone) if facts.due_at else ""
        return f"Within its target until {moment}."
    moment = when(facts.newest_good_at, facts.zone) if facts.newest_good_at else ""
    text = f"No complete restore point since {moment}; the target is {length(facts.target_minutes)}"
    return f"{text}.{_last(facts)}"


def _last(facts: Facts) -> str:
    if facts.last_state is RunState.FAILED:
        return f" The last capture failed. {_why(facts)}".rstrip()
    return " The last capture left something out." if facts.last_state is RunState.PARTIAL else ""


def _why(facts: Facts) -> str:
    reason = facts.last_reason.strip()
    return reason if not reason or reason.endswith((".", "!", "?")) else f"{reason}."


def _of_schedules(facts: Facts, at: datetime) -> str:
    standing, best = _standing(facts, at)
    if best is None:
        return "No schedule captures it."
    if standing is Standing.PART:
        return f"Its schedule {best.name} captures only a part of it."
    if standing is Standing.OFF:
        return f"Its schedule {best.name} is switched off."
    if standing is Standing.PAUSED and best.paused_until is not None:
        return f"Its schedule {best.name} is paused until {when(best.paused_until, facts.zone)}."
    if best.next_run_at is None or facts.is_running:
        return ""
    if best.next_run_at <= at - timedelta(minutes=5):
        moment = when(best.next_run_at, facts.zone)
        return f"{best.name} should have begun at {moment}. Is the scheduler running?"
    return f"{best.name} runs next at {when(best.next_run_at, facts.zone)}."
