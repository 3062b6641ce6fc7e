"""However many press the button at the same moment, on whatever database: one run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.jobs.worker_process import environment
from webapp import database
from webapp.extensions import db
from webapp.models import AuditEntry, Run
from webapp.services import audit_chain, captures

PROCESSES, THREADS = 4, 32


def runs_and_starts() -> tuple[int, int]:
    """How many runs there are, and how many starts the audit log tells of."""
    db.session.rollback()
    started = select(func.count()).where(AuditEntry.action == "capture.started")
    return db.session.query(Run).count(), db.session.scalar(started)


def press(app, enter, source_id) -> list[tuple[str, bool]]:
    """Thirty-two threads at once; which run each got, and whether it was new."""
    found: list[tuple[str, bool]] = []
    gate = threading.Barrier(THREADS)

    def start() -> None:
        with app.app_context():
            access = enter("olga")
            db.session.rollback()
            gate.wait()
            run, is_new = captures.start(access, source_id)
            found.append((str(run.id), is_new))

    threads = [threading.Thread(target=start) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def is_one(found: list[tuple[str, bool]], *, of: int) -> bool:
    return (len(found), len({one for one, _ in found}), sum(new for _, new in found)) == (of, 1, 1)


def test_threads_that_start_the_same_get_one_run(app, enter, website, rings):
    source_id, chain = website.id, website.tenant_id
    db.session.rollback()

    found = press(app, enter, source_id)

    assert is_one(found, of=THREADS)
    assert runs_and_starts() == (1, 1)
    assert len(rings) == 1
    assert audit_chain.verify(chain).ok


@pytest.mark.postgresql_only
def test_the_index_alone_would_do(app, enter, website, monkeypatch):
    """Without the lock that makes writers wait for each other: the second wall."""
    source_id, chain = website.id, website.tenant_id
    db.session.rollback()
    monkeypatch.setattr(database, "_ALONE", database._BY_ROWS)

    found = press(app, enter, source_id)

    assert is_one(found, of=THREADS)
    assert runs_and_starts() == (1, 1)
    assert audit_chain.verify(chain).ok


@pytest.mark.slow
def test_processes_that_start_the_same_get_one_run(settings, enter, website):
    source_id, chain = str(website.id), website.tenant_id
    db.session.rollback()
    command = [sys.executable, "-m", "tests.jobs.starter", source_id, str(THREADS // PROCESSES)]
    started = [
        subprocess.Popen(
            command,
            env=environment(settings),
            cwd=Path(__file__).parent.parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    assert [one.stdout.readline() for one in started] == ["ready\n"] * PROCESSES

    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    found = [tuple(pair) for one in started for pair in json.loads(one.communicate()[0])]

    assert is_one(found, of=THREADS)
    assert runs_and_starts() == (1, 1)
    assert audit_chain.verify(chain).ok
