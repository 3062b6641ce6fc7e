"""How long one has to wait after failed tries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain.throttling import FREE_PER_ACCOUNT, wait_seconds

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("failed_at", "expected"),
    [
        ([], 0),
        (ago(4, 3, 2, 1), 0),
        (ago(5, 4, 3, 2, 0), 60),
        (ago(5, 4, 3, 2, 0.5), 30),
        (ago(5, 4, 3, 2, 1, 0), 120),
        (ago(6, 5, 4, 3, 2, 1, 0), 240),
        (ago(*range(14)), 900),
        (ago(16, 16, 16, 16, 16), 0),
        (ago(60, 60, 60, 60, 4, 3, 2, 1, 0), 900),
    ],
    ids=[
        "none",
        "few",
        "five",
        "five, half waited",
        "six",
        "seven",
        "very many",
        "long ago",
        "many today",
    ],
)
def test_the_wait_grows_with_each_failure_and_ends_by_itself(failed_at, expected):
    assert wait_seconds(failed_at, free=FREE_PER_ACCOUNT, now=NOW) == expected
