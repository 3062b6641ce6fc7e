"""A period, as two days typed into a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Period:
    """Attributes:
    since, until: days, both inside; None is open. What is no day counts as none.
    """

    since: date | None = None
    until: date | None = None

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Period:
        return cls(since=_day(form.get("since", "")), until=_day(form.get("until", "")))

    def begins_at(self, zone: str) -> datetime | None:
        """The first moment, in a zone."""
        return _midnight(self.since, zone) if self.since else None

    def ends_at(self, zone: str) -> datetime | None:
        """The first moment after it."""
        return _midnight(self.until + timedelta(days=1), zone) if self.until else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9000 else None


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))
