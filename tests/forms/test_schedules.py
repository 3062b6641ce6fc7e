"""The form of a schedule, and what two people make of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from werkzeug.datastructures import MultiDict

from webapp.errors import Invalid
from webapp.forms import overlapping
from webapp.forms.schedules import BLANK, PauseForm, ScheduleForm, typed, values_of

TYPED = {
    "name": "Nightly",
    "frequency": "weekly",
    "timezone": "Europe/Berlin",
    "time_of_day": "02:30",
    "backup_type": "full",
    "retention_keep_last": "7",
    "monthly": "12",
    "missed": "once",
}


def form(**changes):
    return MultiDict([*{**TYPED, **changes}.items(), ("days_of_week", "4"), ("days_of_week", "1")])


def test_reads_what_was_typed():
    draft = ScheduleForm.parse(form()).require_usable()

    assert (draft.name, draft.frequency, draft.days_of_week) == ("Nightly", "weekly", (1, 4))
    assert (draft.retention_keep_last, draft.retention) == (7, {"monthly": 12})
    assert draft.missed == "once"


def test_what_does_not_belong_to_the_frequency_is_dropped():
    by_cron = ScheduleForm.parse(form(frequency="cron", cron="0 3 * * *")).draft

    assert (by_cron.time_of_day, by_cron.days_of_week, by_cron.cron) == (None, (), "0 3 * * *")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"frequency": "often"}, "frequency"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"time_of_day": "25:00"}, "time_of_day"),
        ({"frequency": "cron", "cron": "0 0 31 2 *"}, "cron"),
        ({"retention_keep_last": "0"}, "retention_keep_last"),
        ({"monthly": "many"}, "monthly"),
        ({"missed": "twice"}, "missed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_at_its_field(changes, field):
    with pytest.raises(Invalid) as refused:
        ScheduleForm.parse(form(**changes)).require_usable()

    assert field in refused.value.fields


def test_a_weekly_schedule_without_days_is_told_so():
    without = MultiDict(TYPED)

    assert "days_of_week" in ScheduleForm.parse(without).problems


def test_an_empty_zone_is_fine_where_each_customer_has_one():
    parsed = ScheduleForm.parse(form(timezone=""), fallback_zone="UTC")

    assert parsed.require_usable().timezone == ""
    assert "timezone" in ScheduleForm.parse(form(timezone="")).problems


def test_texts_and_draft_say_the_same():
    draft = ScheduleForm.parse(form()).draft

    assert typed(form()) == values_of(draft)
    assert ScheduleForm.parse(overlapping.as_form(values_of(draft))).draft == draft


AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_pause_ends_by_the_clocks_of_its_zone():
    parsed = PauseForm.parse(
        {"until": "2026-07-02T08:00", "reason": "works"}, zone="Europe/Berlin", at=AT
    )

    assert parsed.until == datetime(2026, 7, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "reason", "field"),
    [
        ("", "works", "until"),
        ("tomorrow", "works", "until"),
        ("2026-07-01T13:59", "works", "until"),
        ("2026-07-02T08:00", " ", "reason"),
    ],
)
def test_a_pause_needs_a_moment_to_come_and_a_reason(until, reason, field):
    with pytest.raises(Invalid) as refused:
        PauseForm.parse({"until": until, "reason": reason}, zone="Europe/Berlin", at=AT)

    assert list(refused.value.fields) == [field]


def test_where_the_second_touched_nothing_the_first_one_wins():
    merged = overlapping.merge({"a": "1", "b": "2"}, {"a": "9", "b": "2"}, {"a": "1", "b": "7"})

    assert merged.values == {"a": "9", "b": "7"}
    assert [(c.field, c.was, c.now, c.mine) for c in merged.changes] == [("a", "1", "9", "")]


def test_where_both_changed_a_field_the_second_sees_all_three():
    merged = overlapping.merge({"a": "1"}, {"a": "9"}, {"a": "5"})

    assert merged.values == {"a": "5"}
    assert [(c.was, c.now, c.mine) for c in merged.changes] == [("1", "9", "5")]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"a": 7}'])
def test_a_form_that_lost_its_beginning_shows_all_that_differs(text):
    before = overlapping.opened(text)

    merged = overlapping.merge(before, {"a": "9", "b": "2"}, {"a": "5", "b": "2"})

    assert merged.values == {"a": "5", "b": "2"}
    assert [change.field for change in merged.changes] == ["a"]


def test_a_beginning_is_carried_as_json():
    values = values_of(BLANK)

    assert overlapping.opened(json.dumps(values)) == values
