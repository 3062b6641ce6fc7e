"""Database and queue die in the middle and come back: nothing accepted is lost or doubled."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import casting
from tests.installations import prepare, settings_for
from tests.jobs.worker_process import environment, until
from tests.postgres import Cluster, programs
from tests.services.conftest import again
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Run
from webapp.services import audit_chain, captures, processes, sets, vaults
from webapp.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WITHIN_SECONDS = 60
FILES = 600


@pytest.fixture
def server() -> Iterator[Cluster]:
    """A PostgreSQL that this test may kill; what it acknowledged it keeps."""
    if programs() is None:
        pytest.skip("PostgreSQL IS NOT TESTED: it is not installed (apt-get install postgresql)")
    server = Cluster(quick=False)
    yield server
    server.stop()


@pytest.fixture
def settings(server: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    url = server.create("lastgood")
    settings = settings_for(home, url, url.replace("+psycopg", ""))
    prepare(settings)
    if request.node.get_closest_marker("on_redis"):
        redis_server = request.getfixturevalue("redis_server")
        redis_server.empty()
        return replace(settings, queue_url=redis_server.url)
    return settings


@pytest.fixture
def many(www: Path) -> None:
    """Enough files that a kill falls into the middle."""
    chance = random.Random(7)
    for number in range(FILES):
        (www / f"f{number}").write_bytes(chance.randbytes(chance.randrange(1, 60_000)))


def state_of(run_id) -> RunState:
    db.session.rollback()
    state = db.session.get_one(Run, run_id, populate_existing=True).status
    db.session.rollback()
    return state


def is_over(run_id) -> bool:
    return state_of(run_id).is_final


def test_a_database_that_dies_in_the_middle_loses_no_run(
    app, people, enter, website, many, server, start_worker, settings
):
    run, _ = captures.start(enter("olga"), website.id)
    run_id, tenant_id = run.id, website.tenant_id
    db.session.rollback()
    start_worker()
    assert until(lambda: state_of(run_id) is not RunState.QUEUED, seconds=30)
    alice = casting.signed_in(app, people["alice"])

    server.kill()
    answers = [alice.get("/t/acme/runs"), alice.get("/readyz"), alice.get("/healthz")]
    server.start()

    assert [one.status_code for one in answers] == [503, 503, 200]
    assert alice.get("/readyz").status_code == 200
    assert until(lambda: is_over(run_id), seconds=WITHIN_SECONDS)
    assert again(run).status is RunState.SUCCEEDED
    assert db.session.query(Run).count() == 1
    assert sets.of_run(enter("olga"), run) is not None
    assert audit_chain.verify(tenant_id).ok
    db.session.rollback()
    with vaults.opened(tenant_id) as vault:
        assert vault.verify(read_data=1.0).ok


@pytest.mark.on_redis
def test_a_queue_that_dies_and_forgets_loses_no_run(enter, website, redis_server, start_worker):
    start_worker()
    assert until(lambda: processes.is_alive(processes.WORKER), seconds=30)
    redis_server.kill()
    run, is_new = captures.start(enter("olga"), website.id)
    run_id = run.id
    db.session.rollback()
    assert until(lambda: "queue does not answer" in trouble(), seconds=30)

    redis_server.start()

    assert is_new
    assert until(lambda: is_over(run_id), seconds=WITHIN_SECONDS)
    assert again(run).status is RunState.SUCCEEDED
    assert until(lambda: trouble() == "", seconds=30)


@pytest.mark.on_redis
def test_a_worker_that_starts_before_its_queue_waits_for_it(
    enter, website, redis_server, start_worker
):
    redis_server.kill()
    run, _ = captures.start(enter("olga"), website.id)
    run_id = run.id
    db.session.rollback()
    start_worker()
    assert until(lambda: "queue does not answer" in trouble(), seconds=30)

    redis_server.start()

    assert until(lambda: is_over(run_id), seconds=WITHIN_SECONDS)
    assert again(run).status is RunState.SUCCEEDED


def trouble() -> str:
    db.session.rollback()
    told = processes.trouble()
    db.session.rollback()
    return told


@pytest.fixture
def start_scheduler(settings) -> Iterator[Callable[[], Path]]:
    """Starts ``lastgood scheduler``; gives its log."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> Path:
        log = settings.home / "scheduler.log"
        with log.open("wb") as file:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "webapp.cli", "scheduler"],
                    env=environment(settings),
                    cwd=Path(__file__).parents[2],
                    stdout=file,
                    stderr=file,
                )
            )
        return log

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_worker_and_scheduler_that_start_before_their_database_wait_for_it(
    enter, website, server, start_worker, start_scheduler, settings
):
    run, _ = captures.start(enter("olga"), website.id)
    run_id = run.id
    db.session.rollback()
    server.kill()
    start_worker()
    logs = [settings.home / "worker.log", start_scheduler()]
    assert until(lambda: all(log.exists() for log in logs), seconds=30)
    assert until(lambda: all("waits for it" in log.read_text() for log in logs), seconds=30)

    server.start()

    assert until(lambda: is_over(run_id), seconds=WITHIN_SECONDS)
    assert again(run).status is RunState.SUCCEEDED
    assert until(lambda: processes.is_alive(processes.SCHEDULER), seconds=30)


@pytest.mark.on_redis
def test_readiness_tells_that_the_queue_is_down(app, context, redis_server, start_worker):
    browser = app.test_client()
    start_worker()
    assert until(lambda: processes.is_alive(processes.WORKER), seconds=30)
    assert browser.get("/readyz").text == "ready\n"

    redis_server.kill()

    assert until(lambda: "queue does not answer" in browser.get("/readyz").text, seconds=30)
    assert browser.get("/readyz").status_code == 200
