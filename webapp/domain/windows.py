"""Backup windows: on which days, from when to when, captures may start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Window:
    """``end`` not behind ``start`` is of the next day; the same is a whole day."""

    days: frozenset[int]  # 1 Monday … 7 Sunday: the day on which it opens
    start: time
    end: time

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Window:
        """From ``{"days": [1, …, 7], "from": "HH:MM", "to": "HH:MM"}``."""
        return cls(
            days=frozenset(stored["days"]),
            start=time.fromisoformat(stored["from"]),
            end=time.fromisoformat(stored["to"]),
        )

    def is_open(self, local: datetime) -> bool:
        now, today = local.time(), local.isoweekday()
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        yesterday = 7 if today == 1 else today - 1
        return (today in self.days and now >= self.start) or (
            yesterday in self.days and now < self.end
        )

    def opens_after(self, local: datetime) -> datetime | None:
        """When it opens next, on the wall clock; None if it never does."""
        for later in range(8):
            day = (local + timedelta(days=later)).date()
            opening = datetime.combine(day, self.start, tzinfo=local.tzinfo)
            if day.isoweekday() in self.days and opening > local:
                return opening
        return None


def is_open(windows: Iterable[Window], local: datetime) -> bool:
    """Say whether one of them is open; without any, all time is."""
    known = tuple(windows)
    return not known or any(window.is_open(local) for window in known)


def next_opening(windows: Iterable[Window], local: datetime) -> datetime | None:
    """When the first of them opens next."""
    openings = (window.opens_after(local) for window in windows)
    return min((opening for opening in openings if opening is not None), default=None)
