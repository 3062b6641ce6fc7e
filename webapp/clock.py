"""The time of day, in one place, so that tests can stop it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment: aware, UTC."""
    return datetime.now(UTC)
