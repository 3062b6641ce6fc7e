"""The minute's steps stand alone."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from webapp.extensions import db
from webapp.models import UsageSample
from webapp.services import ticking

AT = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def test_a_step_that_fails_does_not_stop_those_behind_it(context, monkeypatch):
    seen = []

    def fails(at: datetime) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(ticking, "STEPS", (fails, seen.append))

    assert ticking.tick(AT) == ["fails"]
    assert seen == [AT]


def test_schedules_are_dispatched_before_anything_that_may_take_long():
    assert ticking.STEPS[0] is ticking.dispatch_schedules


def test_what_customers_use_is_noted_with_the_minute(people, context):
    ticking.tick(AT)

    days = db.session.scalars(select(UsageSample.day)).all()
    assert days == [AT.date()] * 2  # Acme's and Globex's
