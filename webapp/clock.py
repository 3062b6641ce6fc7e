"""The time of day, in one place, so that tests can stop it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# Clocks of several hosts differ a little. What lies further ahead than this was written before
# some clock was set back.
BELIEVED_AHEAD = timedelta(minutes=10)


def now() -> datetime:
    """The present moment: aware, UTC."""
    return datetime.now(UTC)
