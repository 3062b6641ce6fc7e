"""SIGKILL in the middle: the run ends by itself and truthfully, and nothing is half-written."""

from __future__ import annotations

import random
from pathlib import Path
from uuid import UUID

import pytest

from tests.jobs.worker_process import until
from tests.services.conftest import again
from tests.services.test_restores import pictured
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Run, RunItem
from webapp.services import captures, plans, restores, sets, vaults

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

FILES = 1000
WITHIN_SECONDS = 60
SPREAD_SECONDS = 0.4  # what a capture or a restore of these files takes, about


def state_of(run_id: UUID) -> RunState:
    db.session.rollback()
    status = db.session.get_one(Run, run_id, populate_existing=True).status
    db.session.rollback()
    return status


def has_ended(run_id: UUID) -> bool:
    return state_of(run_id).is_final


def is_under_way(run_id: UUID) -> bool:
    return state_of(run_id) is not RunState.QUEUED


@pytest.fixture
def many(www: Path) -> Path:
    """Enough files that a kill falls into the middle."""
    chance = random.Random(7)
    for number in range(FILES):
        folder = www / f"d{number % 30}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_bytes(chance.randbytes(chance.randrange(1, 20_000)))
    return www


def kill_in_the_middle(start_worker, run_id: UUID, *, after_seconds: float) -> None:
    """Kill the first worker somewhere in its work, and let a second one come."""
    worker = start_worker()
    assert until(lambda: is_under_way(run_id), seconds=30)
    until(lambda: has_ended(run_id), seconds=after_seconds)
    worker.kill()
    start_worker()
    assert until(lambda: has_ended(run_id), seconds=WITHIN_SECONDS)


def vault_is_sound(tenant_id: UUID) -> bool:
    db.session.rollback()
    with vaults.opened(tenant_id) as vault:
        return vault.verify(read_data=1.0).ok


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8], ids=["early", "middle", "late"])
def test_a_capture_survives_the_death_of_its_worker(
    enter, website, many, start_worker, settings, share
):
    run, _ = captures.start(enter("olga"), website.id)
    run_id, tenant_id = run.id, run.tenant_id
    db.session.rollback()

    kill_in_the_middle(start_worker, run_id, after_seconds=share * SPREAD_SECONDS)

    run = again(run)
    made = sets.of_run(enter("olga"), run)
    assert run.status is RunState.SUCCEEDED
    assert run.succeeded == FILES + 6
    assert made.snapshot_ids
    assert vault_is_sound(tenant_id)
    assert until(lambda: not list(settings.scratch.iterdir()), seconds=30)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8], ids=["early", "middle", "late"])
def test_a_restore_survives_the_death_of_its_worker(
    enter, website, many, start_worker, work_off, share
):
    access = enter("olga")
    captures.start(access, website.id)
    worker = start_worker()
    run = latest(website)
    assert until(lambda: has_ended(run.id), seconds=60)
    healthy = pictured(many)
    for number in range(0, FILES, 2):
        (many / f"d{number % 30}" / f"f{number}").write_bytes(b"damaged")
    set_id = sets.of_run(enter("olga"), again(run)).id
    preview, _ = plans.preview(enter("olga"), set_id)
    assert until(lambda: has_ended(preview.id), seconds=60)
    worker.stop()
    plan = plans.of_run(enter("olga"), preview.id)
    restore, _ = restores.apply(
        enter("olga"), plan.id, reviewed=True, reason="killed", confirm="acme"
    )
    restore_id, tenant_id = restore.id, restore.tenant_id
    db.session.rollback()

    kill_in_the_middle(start_worker, restore_id, after_seconds=share * 1.5)

    restore = again(restore)
    doubts = db.session.query(RunItem).filter_by(run_id=restore_id, outcome=None).count()
    assert restore.status is RunState.SUCCEEDED, restore.failure_reason
    assert doubts == 0
    assert pictured(many) == healthy
    assert vault_is_sound(tenant_id)


def latest(source) -> Run:
    run = (
        db.session.query(Run).filter_by(source_id=source.id).order_by(Run.queued_at.desc()).first()
    )
    db.session.rollback()
    return run


def test_a_stopped_worker_gives_its_run_back(enter, website, many, start_worker):
    run, _ = captures.start(enter("olga"), website.id)
    run_id = run.id
    db.session.rollback()
    worker = start_worker()
    assert until(lambda: is_under_way(run_id), seconds=30)

    code = worker.stop()
    start_worker()

    assert code == 0
    assert until(lambda: has_ended(run_id), seconds=WITHIN_SECONDS)
    assert (again(run).status, again(run).attempt) == (RunState.SUCCEEDED, 1)
