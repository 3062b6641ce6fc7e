"""The minute's steps stand alone."""

from __future__ import annotations

from datetime import UTC, datetime

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
