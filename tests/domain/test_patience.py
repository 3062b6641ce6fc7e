"""What is tried again by itself, how often, and after how long."""

from __future__ import annotations

import pytest

from webapp.domain import patience
from webapp.domain.patience import MAY_PASS, MOST_TRIES


@pytest.mark.parametrize("code", sorted(MAY_PASS))
def test_what_may_pass_is_tried_five_times_in_all(code):
    waits = [patience.wait_seconds(code, tries=tries) for tries in range(1, 7)]

    assert [wait is not None for wait in waits] == [True] * 4 + [False] * 2
    assert MOST_TRIES == 5


@pytest.mark.parametrize(
    "code",
    ["storage_denied", "not_allowed", "forbidden", "invalid", "wrong_key", "disk_full",
     "storage_full", "damaged", "not_found", "not_allowed_any_more", "internal_error", ""],
)  # fmt: skip
def test_what_a_person_has_to_mend_is_never_tried_again(code):
    assert patience.wait_seconds(code, tries=1) is None


@pytest.mark.parametrize(
    ("code", "spans"),
    [
        ("storage_unavailable", [10, 20, 40, 80]),
        ("throttled", [30, 60, 120, 240]),
        ("outrun", [5, 10, 20, 40]),
    ],
)
def test_the_span_doubles_with_each_try_and_the_wait_is_drawn_from_all_of_it(code, spans):
    longest = [patience.wait_seconds(code, tries=n, chance=lambda: 1.0) for n in (1, 2, 3, 4)]
    shortest = [patience.wait_seconds(code, tries=n, chance=lambda: 0.0) for n in (1, 2, 3, 4)]

    assert longest == spans
    assert shortest == [0, 0, 0, 0]


def test_no_wait_outgrows_the_bound(monkeypatch):
    monkeypatch.setattr(patience, "MOST_TRIES", 50)

    wait = patience.wait_seconds("throttled", tries=40, chance=lambda: 1.0)

    assert wait == 900


def test_the_other_side_gets_at_least_the_time_it_asked_for():
    wait = patience.wait_seconds("throttled", tries=1, asked_seconds=120, chance=lambda: 0.0)

    assert wait == 120
