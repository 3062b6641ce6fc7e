"""Several worker processes at once: each run once, none left behind, limits kept."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tests.jobs.worker_process import until
from webapp.domain.runs import ACTIVE, RunState, RunType
from webapp.extensions import db
from webapp.models import BackupSet, Limit, LimitScope, Run, RunItem
from webapp.services import bulk, captures, sources

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SOURCES = 12


@pytest.fixture
def many(enter, www: Path) -> list[UUID]:
    made = []
    for number in range(SOURCES):
        folder = www / f"s{number}"
        folder.mkdir()
        (folder / "file.txt").write_text(str(number))
        source = sources.add(enter(), kind="files", name=f"s{number}", config={"path": str(folder)})
        made.append(source.id)
    return made


def active() -> int:
    db.session.rollback()
    count = db.session.scalar(select(func.count()).where(Run.status.in_(ACTIVE)))
    db.session.rollback()
    return count


def test_each_run_makes_one_set_and_none_is_left_behind(enter, many, start_worker):
    for source_id in many:
        captures.start(enter("olga"), source_id)
    db.session.rollback()

    for _ in range(3):
        start_worker()

    assert until(lambda: not active(), seconds=90)
    found = db.session.query(Run).filter_by(run_type=RunType.CAPTURE).all()
    assert {run.status for run in found} == {RunState.SUCCEEDED}
    assert db.session.query(BackupSet).count() == SOURCES


def test_a_bulk_run_is_done_by_whoever_is_free_within_the_limit(enter, many, start_worker):
    tenant_id = enter("olga").tenant.id
    db.session.add(
        Limit(scope=LimitScope.TENANT, subject=str(tenant_id), tenant_id=tenant_id, most_running=1)
    )
    db.session.commit()
    run, _ = bulk.start(enter("olga"), "source", "capture", many)
    run_id = run.id
    db.session.rollback()

    start_worker()
    start_worker()

    assert until(lambda: not active(), seconds=120)
    assert db.session.get_one(Run, run_id).status is RunState.SUCCEEDED
    items = db.session.query(RunItem).filter_by(run_id=run_id).all()
    assert [item.outcome for item in items] == ["succeeded"] * SOURCES
    assert db.session.query(BackupSet).count() == SOURCES
