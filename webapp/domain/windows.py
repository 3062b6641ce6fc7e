"""Backup windows: on which days, from when to when, captures may start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_TYPED = re.compile(r"([a-z0-9, -]+)@([0-9:]+)-([0-9:]+)", re.IGNORECASE)
_FORM = "Write a window as DAYS@HH:MM-HH:MM, such as mon-fri@22:00-06:00."


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

    @classmethod
    def typed(cls, days: Iterable[int], start: str, end: str) -> Window:
        """As a person typed it; 24:00 is the end of the day.

        Raises:
            ValueError: with a sentence that says what is missing.
        """
        chosen = frozenset(days)
        if not chosen:
            raise ValueError("Choose at least one day.")
        if not chosen <= set(range(1, 8)):
            raise ValueError("Days are 1 (Monday) to 7 (Sunday).")
        end = "00:00" if end == "24:00" else end
        if not (_TIME.fullmatch(start) and _TIME.fullmatch(end)):
            raise ValueError("Write both times as hours and minutes, such as 22:30.")
        return cls(days=chosen, start=time.fromisoformat(start), end=time.fromisoformat(end))

    @classmethod
    def parse(cls, text: str) -> Window:
        """From one text, such as ``mon-fri@22:00-06:00``.

        Raises:
            ValueError: with a sentence that says what is wrong.
        """
        found = _TYPED.fullmatch(text.strip())
        if found is None:
            raise ValueError(_FORM)
        days = [day for part in found[1].split(",") if part.strip() for day in _range(part)]
        return cls.typed(days, found[2], found[3])

    def stored(self) -> dict[str, Any]:
        """As ``of`` reads it."""
        days = sorted(self.days)
        return {"days": days, "from": f"{self.start:%H:%M}", "to": f"{self.end:%H:%M}"}

    def in_words(self) -> str:
        """``Mon–Fri 22:00–06:00``, ``Sat, Sun all day``, ``every day 01:00–05:00``."""
        hours = f"{self.start:%H:%M}–{self.end:%H:%M}" if self.start != self.end else ""
        if self.start == self.end:
            hours = f"from {self.start:%H:%M} for 24 hours" if self.start != time() else "all day"
        return f"{_days_in_words(self.days)} {hours}"

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


def _range(part: str) -> list[int]:
    """``mon-fri``, ``fri-mon``, ``3``: the days from the first to the last."""
    first, dash, last = part.partition("-")
    begin = _day(first)
    span = (_day(last) - begin) % 7 if dash else 0
    return [(begin - 1 + later) % 7 + 1 for later in range(span + 1)]


def _day(word: str) -> int:
    known = word.strip().lower()
    if known in {"1", "2", "3", "4", "5", "6", "7"}:
        return int(known)
    found = [name for name in _NAMES if len(known) >= 3 and name.startswith(known)]
    if not found:
        raise ValueError(f"{word.strip() or 'Nothing'} is not a day. {_FORM}")
    return _NAMES.index(found[0]) + 1


def _days_in_words(days: Iterable[int]) -> str:
    chosen = sorted(days)
    if len(chosen) == 7:
        return "every day"
    if len(chosen) > 2 and chosen == list(range(chosen[0], chosen[-1] + 1)):
        return f"{DAYS[chosen[0] - 1]}–{DAYS[chosen[-1] - 1]}"
    return ", ".join(DAYS[day - 1] for day in chosen)
