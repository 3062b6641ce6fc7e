"""How safe a source is right now: a pure function of stored facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webapp.domain.runs import RunState

MOST_TARGET_MINUTES = 366 * 24 * 60  # what a recovery target may be


class Health(StrEnum):
    """Worst first: the order of lists."""

    FAILED = "failed"
    OVERDUE = "overdue"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    RUNNING = "running"
    SAFE = "safe"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def needs_a_person(self) -> bool:
        return self in {Health.FAILED, Health.OVERDUE, Health.PARTIAL, Health.UNKNOWN}


_RANKS = {health: rank for rank, health in enumerate(Health)}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Attributes:
    newest_good_at: when the newest complete restore point was made.
    last_state, last_reason: of the newest capture that has ended.
    """

    target_minutes: int
    newest_good_at: datetime | None = None
    last_state: RunState | None = None
    last_reason: str = ""
    is_running: bool = False


def judge(facts: Facts, *, at: datetime) -> tuple[Health, str]:
    """Say how safe a source is, and why, in words; no words where all is well."""
    if facts.last_state is RunState.FAILED:
        return Health.FAILED, facts.last_reason or "The last capture failed."
    if facts.newest_good_at is None:
        return _unprotected(facts)
    if at - facts.newest_good_at > timedelta(minutes=facts.target_minutes):
        if facts.is_running:
            return Health.RUNNING, "It is overdue; a capture is under way."
        return Health.OVERDUE, "The newest good restore point is older than the target."
    if facts.last_state is RunState.PARTIAL:
        return Health.PARTIAL, facts.last_reason or "The last capture left something out."
    return (Health.RUNNING if facts.is_running else Health.SAFE), ""


def _unprotected(facts: Facts) -> tuple[Health, str]:
    if facts.is_running:
        return Health.RUNNING, "The first capture is under way."
    if facts.last_state is RunState.PARTIAL:
        return Health.PARTIAL, "There is only a partial restore point."
    if facts.last_state is RunState.SUCCEEDED:
        return Health.UNKNOWN, "It has no complete restore point."
    return Health.UNKNOWN, "It has never been captured."
