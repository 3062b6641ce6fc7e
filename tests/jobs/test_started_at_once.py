"""However many press the button at the same moment, on whatever database: one run."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import func, select

from tests.jobs import starter
from tests.jobs.worker_process import environment
from tests.nursery import Forked, pipe
from webapp import database
from webapp.extensions import db
from webapp.models import AuditEntry, Run
from webapp.services import audit_chain, captures
from webapp.settings import Settings

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
    starters = [start_one(settings, source_id) for _ in range(PROCESSES)]
    assert [one.recv() for one in starters] == ["ready"] * PROCESSES

    for one in starters:
        one.send("go")
    found = [pair for one in starters for pair in one.recv()]

    assert is_one(found, of=THREADS)
    assert runs_and_starts() == (1, 1)
    assert audit_chain.verify(chain).ok


def start_one(settings: Settings, source_id: str) -> Connection:
    """Our end of a line to a new process."""
    ours, theirs = pipe()
    log = settings.home / "starter.log"
    share = THREADS // PROCESSES
    environ = environment(settings)
    Forked(starter.start, source_id, share, theirs, environment=environ, log=log)
    theirs.close()
    return ours
