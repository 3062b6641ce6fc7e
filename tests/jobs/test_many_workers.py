"""Several workers at once, also where each has a network and a name of its own, as hosts have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.worker_process import on_a_host, until
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import BackupSet, ProcessSign, Run, RunItem
from webapp.services import captures, sources

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WORKERS, RUNS, FILES = 3, 12, 40


@pytest.fixture(params=["own", "redis"])
def queue_kind(request):
    return request.param


@pytest.fixture
def started(enter, www: Path) -> list[Run]:
    """One capture each of many folders."""
    runs = []
    for number in range(RUNS):
        folder = www / f"site{number}"
        folder.mkdir()
        for name in range(FILES):
            (folder / f"{name}.html").write_text(f"{number} {name}\n" * 20)
        source = sources.add(
            enter(), kind="files", name=f"site{number}", config={"path": str(folder)}
        )
        runs.append(captures.start(enter("olga"), source.id)[0].id)
    db.session.rollback()
    return runs


def all_ended() -> bool:
    db.session.rollback()
    open_runs = db.session.query(Run).filter(Run.finished_at.is_(None)).count()
    db.session.rollback()
    return open_runs == 0


def test_each_run_is_done_once_by_one_of_many_workers(started, start_worker):
    for number in range(WORKERS):
        start_worker(*on_a_host(f"host{number}"))

    assert until(all_ended, seconds=90)
    runs = db.session.query(Run).all()
    assert {run.status for run in runs} == {RunState.SUCCEEDED}
    assert {run.id for run in runs} == set(started)
    assert {run.succeeded for run in runs} == {FILES}
    assert sorted(run_id for (run_id,) in db.session.query(BackupSet.run_id)) == sorted(started)
    items = db.session.query(RunItem.run_id, RunItem.item_key).all()
    assert len(items) == len(set(items))
    db.session.rollback()
    assert until(lambda: len(signs()) == WORKERS, seconds=30)
    assert len({host for host, _ in signs()}) == (WORKERS if on_a_host("x") else 1)


def signs() -> set[tuple[str, int]]:
    """Host and process of the workers that have shown themselves."""
    found = {(sign.host, sign.pid) for sign in db.session.query(ProcessSign)}
    db.session.rollback()
    return found
