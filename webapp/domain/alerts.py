"""What somebody should know of although nothing failed: pure rules over stored facts.

Each rule answers with a condition if it holds, and None if not. A condition's words name moments,
not ages: they stay the same while it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webapp.domain import quotas
from webapp.domain.schedules import Frequency


class Condition(StrEnum):
    SOURCE_OVERDUE = "source_overdue"  # no complete restore point within the recovery target
    SCHEDULE_PAUSED = "schedule_paused"  # paused or switched off past that target
    SCHEDULE_OVERDUE = "schedule_overdue"  # a slot came, and nothing was dispatched
    RETENTION_OVERDUE = "retention_overdue"  # retention did not run
    QUOTA = "quota"  # 80 % of the quota is used, or all of it
    SILENCE = "silence"  # a customer with schedules, and nothing ran
    WORK_WAITS = "work_waits"  # nobody picks up what waits


@dataclass(frozen=True)
class Found:
    """A condition that holds, of what it holds, and what to say of it."""

    condition: Condition
    subject: str
    message: str


DISPATCH_GRACE = timedelta(minutes=10)
PICK_UP_GRACE = timedelta(minutes=10)
RETENTION_GRACE = timedelta(hours=36)
PROCESS_GRACE = timedelta(minutes=5)

# How long a customer whose most frequent schedule is of this sort may be silent.
_LONGEST_SILENCE = {
    Frequency.DAILY: timedelta(hours=30),
    Frequency.WEEKLY: timedelta(days=8),
    Frequency.CRON: timedelta(days=32),
}


_MISSING = {
    "worker": "What is started waits until one runs.",
    "scheduler": "Schedules are not started until it runs.",
}


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """Attributes:
    watched_since: when it was added: without any restore point the target counts from there.
    """

    source_id: str
    name: str
    zone: str
    target_minutes: int
    newest_good_at: datetime | None
    watched_since: datetime


@dataclass(frozen=True, kw_only=True)
class ScheduleFacts:
    """Attributes:
    has_stand_in: another schedule of the same source works.
    first_set_at: when a slot of it made its first set; asked only where retention never ran.
    """

    schedule_id: str
    name: str
    source_name: str
    zone: str
    target_minutes: int
    is_enabled: bool
    paused_until: datetime | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    created_at: datetime
    retention_ran_at: datetime | None
    first_set_at: datetime | None = None
    has_stand_in: bool = False

    def works(self, at: datetime) -> bool:
        return self.is_enabled and (self.paused_until is None or self.paused_until <= at)


def source_overdue(facts: SourceFacts, *, at: datetime) -> Found | None:
    since = facts.newest_good_at or facts.watched_since
    if at - since <= timedelta(minutes=facts.target_minutes):
        return None
    target = length(facts.target_minutes)
    if facts.newest_good_at is None:
        text = f"{facts.name} has no complete restore point yet; the target is {target}."
    else:
        moment = when(since, facts.zone)
        text = f"{facts.name}: no complete restore point since {moment}; the target is {target}."
    return Found(Condition.SOURCE_OVERDUE, f"source:{facts.source_id}", text)


def schedule_paused(facts: ScheduleFacts, *, at: datetime) -> Found | None:
    """Paused for longer than the source may go without a backup; or switched off for so long,
    and no other schedule stands in."""
    if facts.works(at) or (not facts.is_enabled and facts.has_stand_in):
        return None
    since = facts.last_run_at or facts.created_at
    if at - since <= timedelta(minutes=facts.target_minutes):
        return None
    ran = f"last ran at {when(since, facts.zone)}" if facts.last_run_at else "has never run"
    state = "is paused" if facts.is_enabled else "is switched off"
    text = f"Schedule {facts.name} of {facts.source_name} {state} and {ran}."
    return Found(Condition.SCHEDULE_PAUSED, _schedule(facts), text)


def schedule_overdue(facts: ScheduleFacts, *, at: datetime) -> Found | None:
    if not facts.works(at) or facts.next_run_at is None or at - facts.next_run_at <= DISPATCH_GRACE:
        return None
    moment = when(facts.next_run_at, facts.zone)
    text = (
        f"Schedule {facts.name} of {facts.source_name} was due at {moment} and was not started. "
        "Is the scheduler running?"
    )
    return Found(Condition.SCHEDULE_OVERDUE, _schedule(facts), text)


def retention_overdue(facts: ScheduleFacts, *, at: datetime) -> Found | None:
    since = facts.retention_ran_at or facts.first_set_at
    if not facts.works(at) or since is None or at - since <= RETENTION_GRACE:
        return None
    ran = f"since {when(since, facts.zone)}" if facts.retention_ran_at else "yet"
    text = f"Retention of schedule {facts.name} ({facts.source_name}) has not run {ran}."
    return Found(Condition.RETENTION_OVERDUE, _schedule(facts), text)


def quota(used_bytes: int, quota_bytes: int | None) -> Found | None:
    if not quotas.is_nearly_used_up(used_bytes, quota_bytes):
        return None
    if quotas.is_used_up(used_bytes, quota_bytes):
        text = "The quota is used up: nothing new is captured. Restores work as before."
    else:
        text = f"{quotas.SOFT_PERCENT} % of the quota is used, or more."
    return Found(Condition.QUOTA, "tenant", text)


def silence(
    frequencies: set[Frequency], *, watched_since: datetime, last_at: datetime | None, at: datetime
) -> Found | None:
    """Nothing ran for a customer although schedules of these sorts say that something should.

    *watched_since* is when the oldest of those schedules was made.
    """
    if not frequencies:
        return None
    longest = min(_LONGEST_SILENCE[frequency] for frequency in frequencies)
    if at - max(last_at or watched_since, watched_since) <= longest:
        return None
    text = "There are schedules, but no capture ran"
    text += f" since {when(last_at, 'UTC')} (UTC)." if last_at else " yet."
    return Found(Condition.SILENCE, "tenant", text)


def work_waits(oldest_at: datetime | None, *, zone: str, at: datetime) -> Found | None:
    """*oldest_at*: since when the oldest run could go on that waits for a worker alone."""
    if oldest_at is None or at - oldest_at <= PICK_UP_GRACE:
        return None
    moment = when(oldest_at, zone)
    text = f"Work waits since {moment}, and no worker picks it up. Is a worker running?"
    return Found(Condition.WORK_WAITS, "tenant", text)


def process_silent(name: str, since: datetime, *, at: datetime) -> str | None:
    """What to say of a worker or scheduler that has not shown itself for long."""
    if at - since <= PROCESS_GRACE:
        return None
    return f"No {name} has shown itself since {when(since, 'UTC')} (UTC). {_MISSING[name]}"


def when(at: datetime, zone: str) -> str:
    """``22 Nov 2026 10:00`` in the tenant's zone."""
    try:
        local = at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        local = at
    return f"{local.day} {local:%b %Y %H:%M}"


def length(minutes: int) -> str:
    """``4 h``, ``2 days``, ``90 min``"""
    if minutes % 1440 == 0 and minutes > 1440:
        return f"{minutes // 1440} days"
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _schedule(facts: ScheduleFacts) -> str:
    return f"schedule:{facts.schedule_id}"
