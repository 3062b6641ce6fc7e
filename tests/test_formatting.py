"""Numbers as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from webapp import formatting


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (41_200_000, "41.2 MB"),
        (999_960, "1 MB"),
        (412_000_000_000, "412 GB"),
    ],
)
def test_a_size_has_three_figures_at_most(count, text):
    assert formatting.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (4, "4 s"),
        (59.6, "1 min"),
        (245, "4 min"),
        (11_520, "3 h 12 min"),
        (97_200, "1 d 3 h"),
        (None, "–"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds, text):
    assert formatting.length(seconds) == text


def test_a_moment_is_told_in_the_tenants_zone():
    at = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)

    assert formatting.moment(at, "Europe/Berlin") == "2026-07-01 14:00:00"
    assert formatting.moment(at, "No/Where") == "2026-07-01 12:00:00"
