"""How long a message waits after each try, and when it is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain.messages import next_try

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60)], ids=str
)
def test_the_pause_doubles_up_to_an_hour(tries, minutes):
    then = next_try(tries, created_at=NOW, at=NOW, chance=0)

    assert then == NOW + timedelta(minutes=minutes)


def test_chance_spreads_what_failed_together():
    then = next_try(7, created_at=NOW, at=NOW, chance=1)

    assert then == NOW + timedelta(minutes=75)


def test_it_is_given_up_after_a_day():
    late = NOW + timedelta(hours=23, minutes=30)

    assert next_try(9, created_at=NOW, at=late, chance=0) is None
