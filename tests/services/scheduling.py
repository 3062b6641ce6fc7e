"""What tests of schedules share: drafts, a stopped clock, and ways to look at slots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from webapp import clock
from webapp.domain.schedules import Draft
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupScheduleRun, Source
from webapp.services import schedules
from webapp.services.access import Access

SetClock = Callable[[datetime], None]


def draft(**facts: Any) -> Draft:
    return Draft(**{"name": "nightly", "frequency": "daily", "time_of_day": "02:00", **facts})


def nightly(access: Access, source: Source, **facts: Any) -> BackupSchedule:
    return schedules.create(access, source.id, draft(**facts))


def slots(schedule: BackupSchedule) -> list[BackupScheduleRun]:
    """The schedule's slots as the database has them now, oldest first."""
    db.session.rollback()
    query = select(BackupScheduleRun).where(BackupScheduleRun.schedule_id == schedule.id)
    return list(db.session.scalars(query.order_by(BackupScheduleRun.scheduled_for)))


def now_is(schedule: BackupSchedule) -> BackupSchedule:
    db.session.rollback()
    return db.session.get_one(BackupSchedule, schedule.id, populate_existing=True)


def stopped(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Stop the clock, and set it."""

    def set_to(at: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: at)

    return set_to
