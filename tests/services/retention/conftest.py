"""A source with a schedule, its sets of many nights, and captures that are real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select, update

from tests import factories
from tests.services.conftest import Enter, Work
from webapp import clock
from webapp.domain.restore_points import SetStatus
from webapp.extensions import db
from webapp.models import AuditEntry, BackupSchedule, BackupSet, Run, Source
from webapp.services import captures, retention, runs, sets, vaults

Night = Callable[..., BackupSet]


@pytest.fixture
def schedule(website: Source) -> BackupSchedule:
    """Keeps the last two."""
    return factories.schedule(website, name="nightly", retention_keep_last=2)


@pytest.fixture
def night(schedule: BackupSchedule) -> Night:
    """Adds a set that the schedule made, some days ago; it is in no vault."""

    def night(days_ago: float, **facts: object) -> BackupSet:
        source = db.session.get_one(Source, schedule.source_id)
        at = clock.now() - timedelta(days=days_ago)
        run = factories.run(source, action="scheduled", queued_at=at, finished_at=at)
        made = factories.backup_set(run, **facts)
        factories.slot(schedule, run, backup_set_id=made.id)
        db.session.commit()
        return made

    return night


@pytest.fixture
def capture(enter: Enter, website: Source, www: Path, work_off: Work) -> Callable[..., UUID]:
    """Captures the website for real; the vault then holds it, and 100 kB that no other night has.
    Gives the set's id."""
    (www / "always.bin").write_bytes(Random("always").randbytes(3_000_000))

    def capture(number: int, *, of: BackupSchedule | None = None) -> UUID:
        (www / "tonight.bin").write_bytes(Random(number).randbytes(100_000))
        run, _ = captures.start(enter("olga"), website.id)
        work_off()
        made = sets.of_run(enter("olga"), run)
        assert made is not None
        if of is not None:
            factories.slot(of, run, backup_set_id=made.id)
            db.session.commit()
        return made.id

    return capture


@pytest.fixture
def retain(enter: Enter, work_off: Work) -> Callable[[], Run]:
    """Runs retention for all of Acme, and gives the run as it ended."""

    def retain() -> Run:
        run, _ = retention.of_all(enter())
        work_off()
        return runs.find(enter(), run.id)

    return retain


@pytest.fixture
def purge(enter: Enter, work_off: Work) -> Callable[..., Run]:
    def purge(**wishes: bool) -> Run:
        run, _ = retention.purge(enter(), **wishes)
        work_off()
        return runs.find(enter(), run.id)

    return purge


def row(set_id: UUID) -> BackupSet:
    db.session.rollback()
    return db.session.get_one(BackupSet, set_id, populate_existing=True)


def living() -> set[UUID]:
    db.session.rollback()
    return set(db.session.scalars(select(BackupSet.id).where(BackupSet.deleted_at.is_(None))))


def long_in_trash(*set_ids: UUID, days: float = 7.1) -> None:
    """As if they had been deleted some days ago."""
    at = clock.now() - timedelta(days=days)
    db.session.execute(update(BackupSet).where(BackupSet.id.in_(set_ids)).values(deleted_at=at))
    db.session.commit()


def acts() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.at)))


def in_vault(tenant_id: UUID) -> set[str]:
    """Snapshots that are in sight."""
    with vaults.opened(tenant_id) as vault:
        return {one.id for one in vault.snapshots()}


def moved(set_id: UUID, to: datetime) -> None:
    db.session.execute(update(BackupSet).where(BackupSet.id == set_id).values(finished_at=to))
    db.session.commit()


PARTIAL = {"status": SetStatus.PARTIAL}
