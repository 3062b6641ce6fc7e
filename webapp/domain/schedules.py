"""Words of schedules: how often, what became of a slot, and what asked for it."""

from __future__ import annotations

from enum import StrEnum


class Frequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    CRON = "cron"


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
