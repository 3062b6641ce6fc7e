"""The forms of limits, pauses and quotas: what is read, and what is said beside each field."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from werkzeug.datastructures import MultiDict

from webapp.domain.limits import Values
from webapp.domain.windows import Window
from webapp.errors import Invalid
from webapp.forms.limits import LimitsForm, QuotaForm, RestForm, rows_of, typed_rows

NIGHT = Window.parse("mon-fri@22:00-06:00")
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def window(number, days, start, end):
    name = f"window-{number}"
    return [*((f"{name}-days", day) for day in days), (f"{name}-from", start), (f"{name}-to", end)]


NOTHING = Values()


def parse(*pairs, now=NOTHING, may_count=True):
    return LimitsForm.parse(MultiDict(pairs), now=now, may_count=may_count)


def complaints(*pairs, **more):
    with pytest.raises(Invalid) as problem:
        parse(*pairs, **more)
    return problem.value.fields


def test_a_form_is_read():
    form = parse(
        ("most_running", "3"), ("bandwidth", "10 MB"), ("seen", "abc"),
        *window(0, "12345", "22:00", "06:00"),
    )  # fmt: skip

    assert form.values == Values(most_running=3, bytes_per_second=10_000_000, windows=(NIGHT,))
    assert form.seen == "abc"


def test_an_empty_form_lifts_all_limits():
    assert parse().values == Values()
    assert parse(("most_running", " "), ("bandwidth", ""), *window(0, "", "", "")).values.is_empty


def test_who_may_not_count_leaves_the_count_as_it_is():
    form = parse(("most_running", "99"), now=Values(most_running=2), may_count=False)

    assert form.values.most_running == 2


@pytest.mark.parametrize(
    ("pairs", "field", "words"),
    [
        ([("most_running", "0")], "most_running", "whole number"),
        ([("most_running", "many")], "most_running", "whole number"),
        ([("most_running", "9" * 40)], "most_running", "whole number"),
        ([("bandwidth", "fast")], "bandwidth", "number with its unit"),
        ([("bandwidth", "1 KB")], "bandwidth", "From 64 KB"),
        ([("bandwidth", "900 TB")], "bandwidth", "From 64 KB"),
        (window(0, "", "22:00", "06:00"), "window-0", "at least one day"),
        (window(0, "1", "", "06:00"), "window-0", "both times"),
        (window(0, "1", "25:00", "06:00"), "window-0", "both times"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(pairs, field, words):
    assert words in complaints(*pairs)[field]


def test_complaints_are_numbered_as_the_lines_are_shown_again():
    pairs = [*window(0, "", "", ""), *window(1, "1", "22:00", "06:00"), *window(2, "", "1", "2")]

    found = complaints(*pairs)

    shown = typed_rows(MultiDict(pairs))
    assert list(found) == ["window-1"]
    assert (shown[1].start, shown[1].end) == ("1", "2")


def test_the_same_window_twice_is_one():
    pairs = [*window(0, "12345", "22:00", "06:00"), *window(3, "12345", "22:00", "06:00")]

    assert parse(*pairs).values.windows == (NIGHT,)


def test_days_that_do_not_exist_are_not_read():
    assert "at least one day" in complaints(*window(0, "89x", "22:00", "06:00"))["window-0"]


def test_the_editor_shows_what_holds_and_room_for_more():
    rows = rows_of(Values(windows=(NIGHT,)))

    assert (rows[0].days, rows[0].start, rows[0].end) == (tuple("12345"), "22:00", "06:00")
    assert len(rows) == 3
    assert rows[1].is_empty


@pytest.mark.parametrize(
    ("typed", "count"), [("", None), ("500 GB", 500 * 10**9), (" 1.5TB ", 1_500 * 10**9)]
)
def test_a_quota_is_read(typed, count):
    assert QuotaForm.parse({"quota": typed}).quota_bytes == count


@pytest.mark.parametrize("typed", ["lots", "0", "10", "-5 GB", "9999999 PB"])
def test_a_quota_that_makes_no_sense_is_refused(typed):
    with pytest.raises(Invalid):
        QuotaForm.parse({"quota": typed})


def test_a_pause_has_an_end_on_the_clocks_of_its_zone():
    typed = {"until": "2026-11-23T08:00", "reason": "works"}

    assert RestForm.parse(typed, zone="Europe/Berlin", at=AT).until.hour == 7


def test_a_pause_may_last_until_somebody_ends_it():
    form = RestForm.parse({"open_end": "1", "until": "", "reason": "works"}, zone="UTC", at=AT)

    assert (form.until, form.reason) == (None, "works")


@pytest.mark.parametrize(
    "typed", [{"until": "2026-11-23T08:00"}, {"reason": "works"}, {"open_end": "1"}]
)
def test_a_pause_needs_a_reason_and_an_end_or_none(typed):
    with pytest.raises(Invalid):
        RestForm.parse(typed, zone="UTC", at=AT)
