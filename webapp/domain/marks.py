"""Where the next part of a list begins: behind one row of it.

Written into addresses. A moment alone is a mark, too, for those who type one.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

_BETWEEN = "~"
_FIRST = UUID(int=0)


class Mark(NamedTuple):
    """A row of a list that is newest first: its moment, and its id among those of that moment."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}{_BETWEEN}{self.id}"


def read(text: str) -> Mark | None:
    """The mark that *text* is; None if it is none."""
    moment, _, row = text.partition(_BETWEEN)
    try:
        found = Mark(datetime.fromisoformat(moment), UUID(row) if row else _FIRST)
    except ValueError:
        return None
    return found if found.at.tzinfo else None


class Page(NamedTuple):
    """A part of a list: so many rows, behind a mark."""

    limit: int
    before: Mark | None = None
