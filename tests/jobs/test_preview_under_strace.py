"""A preview writes nothing: seen by the system calls of the whole worker, threads and all."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.connectors.test_preview_writes_nothing import OPENING, is_a_write
from tests.e2e.server import processes_of
from tests.jobs.test_kills import has_ended
from tests.jobs.worker_process import until
from tests.services.conftest import again
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.services import captures, plans, restores, sets, sources

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]

# Buffers are left out (-s 0): our own database speaks of the target, too. Paths are always whole.
WATCH = ("strace", "-f", "-y", "-s", "0", "-e", "trace=file,desc,mount")


@pytest.fixture
def site(enter, www):
    """Acme's folder with a database in it that somebody has open."""
    with closing(sqlite3.connect(www / "shop.db", isolation_level=None)) as shop:
        shop.execute("PRAGMA journal_mode=WAL")
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)")
        shop.execute("INSERT INTO orders (what) VALUES ('mug'), ('jug')")
        config = {"path": str(www), "db": f"sqlite:///{www / 'shop.db'}"}
        yield sources.add(enter(), kind="site", name="shop", config=config)


@pytest.fixture
def captured(enter, site, work_off, www):
    """A backup set of the site, which is damaged afterwards."""
    run, _ = captures.start(enter("olga"), site.id)
    work_off()
    (www / "page0.html").write_text("<p>hacked</p>\n")
    (www / "page1.html").unlink()
    with closing(sqlite3.connect(www / "shop.db", isolation_level=None)) as shop:
        shop.execute("DELETE FROM orders")
        set_id = sets.of_run(enter("olga"), again(run)).id
        db.session.rollback()
        yield set_id


@pytest.fixture
def watched(start_worker, tmp_path, www):
    """Let a worker do what is asked under strace; the lines that name the site."""

    def watched(run):
        log = tmp_path / "strace.log"
        run_id = run.id
        db.session.rollback()
        worker = start_worker(*WATCH, "-o", str(log))
        assert until(lambda: has_ended(run_id), seconds=60)
        for pid in processes_of(worker.process):  # strace's end would not be the worker's
            os.kill(pid, signal.SIGKILL)
        worker.kill()
        assert again(run).status is RunState.SUCCEEDED
        lines = log.read_text(errors="replace").splitlines()
        return [line for line in lines if str(www) in line]

    return watched


def test_a_worker_that_previews_writes_nothing_below_the_target(enter, captured, watched):
    run, _ = plans.preview(enter("olga"), captured, delete=True)

    lines = watched(run)

    assert any(OPENING.match(line) for line in lines)
    assert [line for line in lines if is_a_write(line)] == []


def test_the_same_eyes_see_a_worker_that_restores(enter, captured, work_off, watched, rings):
    preview, _ = plans.preview(enter("olga"), captured)
    rings.append(str(preview.id))
    work_off()
    plan = plans.of_run(enter("olga"), preview.id)
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="hacked", confirm="acme")

    assert [line for line in watched(run) if is_a_write(line)] != []
