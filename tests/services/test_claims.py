"""Claims: one worker at a time, and a worker that lost its run writes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.services.conftest import again
from webapp import clock
from webapp.domain.outcomes import Counted
from webapp.domain.runs import RunState, RunType
from webapp.errors import Conflict, Refused
from webapp.extensions import db
from webapp.models import Run
from webapp.services import captures, claims, progress, run_log, runs, work
from webapp.services.claims import LeaseLost
from webapp.services.runs import Ending


@pytest.fixture
def queued(enter, website) -> Run:
    run, _ = captures.start(enter("olga"), website.id)
    return run


def claim(run: Run, *, later_seconds: float = 0):
    at = clock.now() + timedelta(seconds=later_seconds)
    return claims.claim(run.id, owner="test", at=at)


def test_a_run_is_claimed_once(queued):
    first, second = claim(queued), claim(queued)

    assert (first.fence, first.attempt) == (1, 1)
    assert second is None


def test_a_run_whose_lease_ran_out_is_taken_over(queued):
    claim(queued)

    taken = claim(queued, later_seconds=60)

    assert (taken.fence, taken.attempt) == (2, 2)


def test_a_worker_that_lost_its_run_writes_nothing(queued):
    slow = claim(queued)
    claim(queued, later_seconds=60)

    for write in (
        lambda: progress.write(slow, processed_items=5),
        lambda: run_log.append(slow, "still here"),
        lambda: runs.finish(slow, Ending(counted=Counted(done=1))),
    ):
        with pytest.raises(LeaseLost):
            write()

    assert again(queued).status is RunState.RUNNING
    assert again(queued).processed_items == 0


def test_a_run_that_lost_three_workers_fails(enter, queued, rings):
    for attempt in range(3):
        assert claim(queued, later_seconds=60 * attempt)
    db.session.query(Run).update({"lease_until": clock.now() - timedelta(seconds=1)})
    db.session.commit()

    work.carry_out(queued.id, owner="fourth")

    assert (again(queued).status, again(queued).error_code) == (RunState.FAILED, "worker_lost")


def test_the_heartbeat_renews_the_lease_and_sees_a_cancel(enter, queued):
    held = claim(queued)
    before = again(queued).lease_until
    db.session.rollback()
    engine = db.engine

    assert claims.renew(engine, held, 60)

    assert again(queued).lease_until > before
    runs.cancel(enter("olga"), queued.id)
    claims.renew(engine, held, 60)
    assert held.canceled.is_set()


def test_a_running_capture_stops_when_a_person_says_so(enter, queued, rings, monkeypatch):
    access = enter("olga")

    def cancel_now(held):
        runs.cancel(access, queued.id)
        claims.renew(db.engine, held, 60)
        held.check()

    monkeypatch.setitem(work.WORK, (RunType.CAPTURE, "capture"), cancel_now)

    work.carry_out(queued.id, owner="test")

    assert again(queued).status is RunState.CANCELED


def test_a_queued_run_is_canceled_at_once(enter, queued, work_off):
    runs.cancel(enter("olga"), queued.id)

    work_off()

    assert again(queued).status is RunState.CANCELED
    with pytest.raises(Conflict):
        runs.cancel(enter("olga"), queued.id)


def test_a_bug_is_an_internal_error_and_is_raised(queued, monkeypatch):
    def stumble(_claim):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setitem(work.WORK, (RunType.CAPTURE, "capture"), stumble)

    with pytest.raises(ZeroDivisionError):
        work.carry_out(queued.id, owner="test")

    run = again(queued)
    assert (run.status, run.error_code) == (RunState.FAILED, "internal_error")
    assert "secret" not in run.failure_reason


def test_a_database_that_does_not_answer_leaves_the_run_to_be_taken_over(queued, monkeypatch):
    def locked(_claim):
        raise OperationalError("UPDATE runs", {}, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setitem(work.WORK, (RunType.CAPTURE, "capture"), locked)
        work.carry_out(queued.id, owner="first")
    db.session.query(Run).update({"lease_until": clock.now() - timedelta(seconds=1)})
    db.session.commit()

    work.carry_out(queued.id, owner="second")

    assert (again(queued).status, again(queued).attempt) == (RunState.SUCCEEDED, 2)


def test_a_failed_run_is_repeated_as_its_child(enter, queued, www, work_off):
    www.rename(www.with_name("gone"))
    work_off()
    www.with_name("gone").rename(www)

    child, is_new = runs.retry(enter("olga"), queued.id)
    work_off()

    assert is_new
    assert child.parent_run_id == queued.id
    assert again(child).status is RunState.SUCCEEDED


def test_a_run_that_succeeded_is_not_repeated(enter, queued, work_off):
    work_off()

    with pytest.raises(Conflict):
        runs.retry(enter("olga"), queued.id)


def test_two_starts_at_once_give_one_run(app: Flask, enter, website, rings):
    source_id, gate = website.id, threading.Barrier(6)
    db.session.rollback()
    found: list[tuple[str, bool]] = []

    def start() -> None:
        with app.app_context():
            access = enter("olga")
            db.session.rollback()
            gate.wait()
            run, is_new = captures.start(access, source_id)
            found.append((str(run.id), is_new))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({run_id for run_id, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1
    assert len(rings) == 1


def test_the_sweep_rings_for_what_nobody_heard(queued, rings):
    rings.clear()

    too_early = runs.sweep(at=clock.now())
    rung = runs.sweep(at=clock.now() + timedelta(seconds=11))
    at_once_again = runs.sweep(at=clock.now() + timedelta(seconds=12))

    assert (too_early, rung, at_once_again) == (0, 1, 0)
    assert rings == [str(queued.id)]


def test_the_sweep_leaves_alone_what_waits_in_the_queue(queued, rings):
    rings.clear()

    rung = runs.sweep(at=clock.now() + timedelta(seconds=11), pending={queued.id})

    assert rung == 0


def test_the_sweep_finds_runs_whose_worker_is_gone(queued, rings):
    claim(queued)
    rings.clear()

    early = runs.sweep(at=clock.now() + timedelta(seconds=11))
    late = runs.sweep(at=clock.now() + timedelta(seconds=30))

    assert (early, late) == (0, 1)


def test_a_restore_is_never_just_repeated(enter, queued):
    db.session.query(Run).update({"run_type": RunType.RESTORE, "status": RunState.FAILED})
    db.session.commit()

    with pytest.raises(Refused) as refused:
        runs.retry(enter("olga"), queued.id)

    assert refused.value.code == "needs_new_preview"


def test_the_log_is_bounded_and_says_so(queued, monkeypatch):
    monkeypatch.setattr(run_log, "MOST_LINES", 3)
    held = claim(queued)

    for number in range(6):
        run_log.append(held, f"line {number}")

    lines = db.session.query(run_log.RunEvent).order_by(run_log.RunEvent.seq).all()
    assert [line.seq for line in lines] == [1, 2, 3, 4]
    assert "left out" in lines[-1].message
