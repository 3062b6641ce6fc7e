"""Schedules: their words, what may be typed into one, and how a slot ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from cronsim import CronSim, CronSimError

from webapp.domain import quotas, slots
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunState
from webapp.domain.slots import ClockChange, Frequency, Slot, Timing
from webapp.domain.tenants import is_zone

__all__ = [
    "ClockChange", "Draft", "Frequency", "MissedRule", "Slot", "SlotStatus", "Timing", "Trigger",
    "clock_changes", "in_words", "problems", "status_of", "timing_of", "upcoming",
]  # fmt: skip

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RULES = ("hourly", "daily", "weekly", "monthly", "yearly", "within_days")
MOST_KEPT = 10_000
TYPES = (BackupType.FULL, BackupType.DB, BackupType.FILES, BackupType.POLICIES)
_LONGEST_NAME, _LONGEST_CRON = 255, 200
_ANY_DAY = datetime.combine(date(2024, 1, 1), time())
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class MissedRule(StrEnum):
    """What becomes of slots that nobody was awake for."""

    SKIP = "skip"
    ONCE = "once"


class SlotStatus(StrEnum):
    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


class Trigger(StrEnum):
    """What asked for a slot's work."""

    SCHEDULE = "schedule"
    MISSED = "missed"  # made up for, by the rule ``once``
    RUN_NOW = "run_now"
    RETRY = "retry"


# Why a slot was left out: the code, and the sentence for a person.
SKIPPED = {
    "missed": "The scheduler was not running at that time.",
    "paused": "The schedule was paused at that time.",
    "schedule_busy": "The run before it was still under way.",
    "restore_running": "A live restore into this source was under way.",
    "tenant_not_active": "The customer was not active.",
    "source_removed": "The source was removed.",
    "schedule_archived": "The schedule was archived before the run began.",
    "schedule_unusable": "Its time cannot be understood any more. Edit the schedule.",
    "unknown_policy_type": "None of its policy types is known any more.",
    quotas.CODE: quotas.REFUSAL,
}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A schedule as somebody typed it: ``problems`` says whether it can be used."""

    name: str
    frequency: str
    timezone: str = "UTC"
    time_of_day: str | None = None
    days_of_week: tuple[int, ...] = ()
    cron: str | None = None
    backup_type: str = BackupType.FULL
    policy_types: tuple[str, ...] = ()
    include_foundations: bool = True
    retention_keep_last: int = 30
    retention: Mapping[str, int] = field(default_factory=dict)
    missed: str = MissedRule.SKIP


def problems(draft: Draft) -> dict[str, str]:
    """What is wrong with it: field to the sentence beside that field. Empty: it can be used."""
    said = ((name, check(draft)) for name, check in _CHECKS.items())
    return {name: sentence for name, sentence in said if sentence}


def timing_of(draft: Draft) -> Timing:
    """When it runs, without what does not belong to its frequency; of a draft without problems."""
    frequency = Frequency(draft.frequency)
    by_cron, by_day = frequency is Frequency.CRON, frequency is Frequency.WEEKLY
    return Timing(
        frequency=frequency,
        timezone=draft.timezone,
        time_of_day=None if by_cron else draft.time_of_day,
        days_of_week=tuple(sorted(draft.days_of_week)) if by_day else (),
        cron=" ".join((draft.cron or "").split()) if by_cron else None,
    )


def upcoming(draft: Draft, after: datetime, count: int = 10) -> list[Slot]:
    """The next slots, with those that a clock change leaves out; none while it is unusable."""
    if problems(draft).keys() & _ABOUT_TIME:
        return []
    return slots.upcoming(timing_of(draft), after, count)


def clock_changes(draft: Draft, after: datetime) -> list[ClockChange]:
    """The next two days on which clocks change, and what becomes of the slots on them."""
    if problems(draft).keys() & _ABOUT_TIME:
        return []
    return slots.clock_changes(timing_of(draft), after)


def in_words(timing: Timing) -> str:
    """``every day at 02:00 (Europe/Berlin)``."""
    if timing.frequency is Frequency.CRON:
        when = f"by cron {timing.cron}"
    elif timing.frequency is Frequency.WEEKLY:
        names = ", ".join(DAYS[day - 1] for day in timing.days_of_week)
        when = f"every {names} at {timing.time_of_day}"
    else:
        when = f"every day at {timing.time_of_day}"
    return f"{when} ({timing.timezone})"


def status_of(
    state: RunState, *, error_code: str | None, has_set: bool, lacks_types: bool = False
) -> SlotStatus:
    """How a slot ends by how its run ended. A scheduled run that made no set has failed, unless
    there is a reason that is no fault; policy types that nobody knows make it partial at best."""
    if state is RunState.CANCELED:
        return SlotStatus.CANCELED
    if error_code in SKIPPED and not has_set:
        return SlotStatus.SKIPPED
    if state is RunState.FAILED or not has_set:
        return SlotStatus.FAILED
    if state is RunState.PARTIAL or lacks_types:
        return SlotStatus.PARTIAL
    return SlotStatus.SUCCESS


def _about_name(draft: Draft) -> str:
    name = draft.name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return f"A name has 1 to {_LONGEST_NAME} printable characters."
    return ""


def _about_frequency(draft: Draft) -> str:
    known = draft.frequency in list(Frequency)
    return "" if known else f"Use {', '.join(Frequency)}."


def _about_zone(draft: Draft) -> str:
    if is_zone(draft.timezone):
        return ""
    return f"{draft.timezone or 'Nothing'} is not a time zone we know. Try Europe/Berlin, or UTC."


def _about_time(draft: Draft) -> str:
    if draft.frequency == Frequency.CRON or _TIME.fullmatch(draft.time_of_day or ""):
        return ""
    return "Say the time of day as HH:MM, from 00:00 to 23:59."


def _about_days(draft: Draft) -> str:
    if draft.frequency != Frequency.WEEKLY:
        return ""
    if not draft.days_of_week:
        return "A weekly schedule needs at least one day."
    usable = set(draft.days_of_week) <= set(range(1, 8))
    if not usable or len(set(draft.days_of_week)) < len(draft.days_of_week):
        return "Days are 1 (Monday) to 7 (Sunday), each of them once."
    return ""


def _about_cron(draft: Draft) -> str:
    if draft.frequency != Frequency.CRON:
        return ""
    said = draft.cron or ""
    if len(said) > _LONGEST_CRON or len(said.split()) != 5:
        return "A cron line has five fields: minute, hour, day, month, day of the week."
    try:
        fires = next(CronSim(said, _ANY_DAY), None)
    except (CronSimError, ValueError) as problem:
        return f"This is not a cron line that can be used: {problem}."
    return "" if fires else "This cron line never fires: no such day comes in fifty years."


def _about_type(draft: Draft) -> str:
    return "" if draft.backup_type in TYPES else f"Use {', '.join(TYPES)}."


def _about_keeping(draft: Draft) -> str:
    if 1 <= draft.retention_keep_last <= MOST_KEPT:
        return ""
    return f"Keep 1 to {MOST_KEPT:,} backups: with none kept, there would be no backup."


def _about_rules(draft: Draft) -> str:
    strange = sorted(set(draft.retention) - set(RULES))
    if strange:
        return f"There is no rule {strange[0]}; use {', '.join(RULES)}."
    if any(not 0 <= count <= MOST_KEPT for count in draft.retention.values()):
        return f"Each rule keeps 0 to {MOST_KEPT:,}."
    return ""


def _about_missed(draft: Draft) -> str:
    return "" if draft.missed in list(MissedRule) else f"Use {', '.join(MissedRule)}."


_CHECKS: dict[str, Callable[[Draft], str]] = {
    "name": _about_name,
    "frequency": _about_frequency,
    "timezone": _about_zone,
    "time_of_day": _about_time,
    "days_of_week": _about_days,
    "cron": _about_cron,
    "backup_type": _about_type,
    "retention_keep_last": _about_keeping,
    "retention": _about_rules,
    "missed": _about_missed,
}
_ABOUT_TIME = {"frequency", "timezone", "time_of_day", "days_of_week", "cron"}
