"""Words that several verbs use in their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from webapp.formatting import number

MOST_LINES = 50


def counted(count: int, what: str) -> str:
    """``1 error``, ``2 errors``."""
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def moment(time: str) -> str:
    """``2027-01-31T10:11:12.5+00:00`` as a person reads it."""
    return time[:19].replace("T", " ")


def some(lines: Iterable[str], count: int, most: int = MOST_LINES) -> Iterator[str]:
    """The first of *count* lines; then how many more there are, and where."""
    for index, line in enumerate(lines):
        if index == most:
            break
        yield line
    if count > most:
        yield f"… and {number(count - most)} more; --json lists them all"
