"""Recovery targets as somebody types them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from webapp.errors import Invalid
from webapp.forms.recovery import TargetsForm, hours_of, minutes_of, minutes_of_hours


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("", None), ("4", 240), ("1.5", 90), ("0,5", 30), ("0.02", 1), ("8784", 366 * 24 * 60)],
)
def test_hours_are_read_with_a_point_or_a_comma(typed, minutes):
    assert minutes_of_hours(typed) == minutes


@pytest.mark.parametrize("minutes", [1, 50, 90, 1440, 100_001, 527_040])
def test_what_a_form_shows_is_read_as_the_same(minutes):
    assert minutes_of_hours(hours_of(minutes)) == minutes


@pytest.mark.parametrize("typed", ["x", "0", "-1", "nan", "inf", "1e9", "8785"])
def test_what_is_no_length_is_refused(typed):
    with pytest.raises(ValueError, match=r"hours|year"):
        minutes_of_hours(typed)


@pytest.mark.parametrize(
    ("typed", "minutes"), [("90", 90), ("90m", 90), ("4 h", 240), ("2D", 2880), ("15 min", 15)]
)
def test_a_length_has_a_unit(typed, minutes):
    assert minutes_of(typed) == minutes


def test_fields_that_are_no_sources_are_left_alone():
    source_id = uuid4()

    read = TargetsForm.parse({f"target-{source_id}": "2", "target-x": "1", "other": "3"})

    assert (read.tenant, dict(read.sources)) == (None, {source_id: (None, 120)})


def test_every_field_that_cannot_be_used_is_named():
    first, second = uuid4(), uuid4()

    with pytest.raises(Invalid) as refused:
        TargetsForm.parse(
            {"recovery_point": "x", f"target-{first}": "soon", f"target-{second}": "1"}
        )

    assert set(refused.value.fields) == {"recovery_point", f"target-{first}"}
