"""What a customer used in a month, out of one sample a day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class Sample(Protocol):
    """One day; what a row of ``usage_samples`` has."""

    day: date
    source_count: int
    set_count: int
    protected_bytes: int
    stored_bytes: int
    read_bytes: int


@dataclass(frozen=True, order=True)
class Month:
    """One of the calendar, in UTC."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """From ``2026-11``.

        Raises:
            ValueError: it is no month of this century.
        """
        found = _MONTH.fullmatch(text.strip())
        if found is None:
            raise ValueError("Write a month as YYYY-MM, such as 2026-11.")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def following(self) -> Month:
        is_last = self.number == 12
        return Month(self.year + is_last, 1 if is_last else self.number + 1)

    @property
    def before(self) -> Month:
        is_first = self.number == 1
        return Month(self.year - is_first, 12 if is_first else self.number - 1)


@dataclass(frozen=True, kw_only=True)
class Used:
    """A month of one customer.

    Attributes:
        days: on how many there is a sample; the month may not be over, or nobody looked.
        protected_bytes_most: the largest sum of the newest restore points, as they lie at the
            sources.
        stored_bytes_average: over the days with a sample.
    """

    days: int
    sources_most: int
    restore_points_last: int
    protected_bytes_most: int
    stored_bytes_average: int
    stored_bytes_most: int
    stored_bytes_last: int
    read_bytes: int


def add_up(samples: Iterable[Sample]) -> Used:
    """Sum up a customer's samples, which must be in order and not none."""
    found = list(samples)
    stored = [one.stored_bytes for one in found]
    return Used(
        days=len(found),
        sources_most=max(one.source_count for one in found),
        restore_points_last=found[-1].set_count,
        protected_bytes_most=max(one.protected_bytes for one in found),
        stored_bytes_average=round(sum(stored) / len(stored)),
        stored_bytes_most=max(stored),
        stored_bytes_last=stored[-1],
        read_bytes=sum(one.read_bytes for one in found),
    )
