"""The queue carries ids; losing or repeating a message costs seconds, never a run."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from tests.services.conftest import again
from webapp import clock
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState
from webapp.extensions import db, doorbell
from webapp.jobs import bells, scheduler, worker
from webapp.models import ProcessSign, RestorePlan
from webapp.services import captures, plan_states, plans, processes, sets, surroundings, work


@pytest.fixture(params=["own", "redis"])
def queue_kind(request):
    return request.param


@pytest.fixture
def queue(app, context):
    queue = app.extensions["queue"]
    doorbell.ring = queue.ring
    return queue


def deliver(queue) -> int:
    """Take everything out of the queue and carry it out, as a worker does."""
    db.session.rollback()  # the test itself must hold no transaction meanwhile
    count = 0
    while (message := queue.huey.dequeue()) is not None:
        queue.huey.execute(message)
        count += 1
    return count


def test_the_doorbell_puts_the_id_of_the_run_into_the_queue(queue, enter, website):
    run, _ = captures.start(enter("olga"), website.id)

    assert queue.pending() == {run.id}


def test_a_message_is_carried_out(queue, enter, website):
    run, _ = captures.start(enter("olga"), website.id)

    deliver(queue)

    assert again(run).status is RunState.SUCCEEDED


def test_a_message_delivered_twice_runs_once(queue, enter, website):
    run, _ = captures.start(enter("olga"), website.id)
    queue.ring(run.id)
    db.session.rollback()

    delivered = deliver(queue)

    assert delivered == 2
    assert again(run).attempt == 1


def test_a_message_about_nothing_does_no_harm(queue):
    queue.ring(uuid4())

    assert deliver(queue) == 1


def test_a_lost_message_is_rung_again_by_the_sweep(queue, app, enter, website):
    run, _ = captures.start(enter("olga"), website.id)
    queue.huey.flush()
    run.rung_at = clock.now() - timedelta(seconds=30)
    db.session.commit()

    rung = worker.sweep_once(app)
    db.session.rollback()

    assert rung == 1
    assert queue.pending() == {run.id}


def test_a_queue_that_does_not_answer_loses_no_run(app, enter, website, monkeypatch, caplog):
    queue = app.extensions["queue"]
    monkeypatch.setattr(queue, "_url", "sqlite:////nowhere/at/all/queue.db")
    doorbell.ring = queue.ring

    run, is_new = captures.start(enter("olga"), website.id)

    assert is_new
    assert again(run).status is RunState.QUEUED
    assert "does not answer" in caplog.text


def test_scratch_of_dead_runs_is_removed(settings, enter):
    leftover = settings.scratch / f"{uuid4()}.3"
    foreign = settings.scratch / "notes"
    leftover.mkdir(parents=True)
    foreign.mkdir()

    removed = surroundings.tidy()

    assert removed == 1
    assert foreign.exists()


def test_the_tick_closes_plans_after_their_day(queue, app, enter, website):
    run, _ = captures.start(enter("olga"), website.id)
    deliver(queue)
    preview, _ = plans.preview(enter("olga"), sets.of_run(enter("olga"), again(run)).id)
    deliver(queue)
    plan = plans.of_run(enter("olga"), preview.id)
    plan.expires_at = clock.now() - timedelta(minutes=1)
    db.session.commit()

    scheduler.tick(app)

    db.session.rollback()
    assert db.session.get_one(RestorePlan, plan.id).state is PlanState.EXPIRED
    assert plan_states.expire(at=clock.now()) == 0


@pytest.mark.parametrize("forged", [b"", b"no signature", b"pickle:" + b"0" * 64, b"\x80\x05N.:x"])
def test_a_message_that_is_not_ours_is_dropped_and_logged(queue, enter, website, forged, caplog):
    queue.huey.storage.enqueue(forged)
    run, _ = captures.start(enter("olga"), website.id)

    waiting = queue.pending()
    dropped = queue.huey.dequeue()
    deliver(queue)

    assert (waiting, dropped) == ({run.id}, None)
    assert "is not ours" in caplog.text
    assert again(run).status is RunState.SUCCEEDED


def test_a_message_of_another_installation_is_not_ours(queue, settings):
    other = bells.hung_at(settings.queue_url, name=queue.huey.name, key=b"another")
    other.task(name="runs.execute")(print)(str(uuid4()))

    assert queue.pending() == set()
    assert queue.huey.dequeue() is None


def test_a_run_whose_message_was_forged_away_is_rung_again(queue, app, enter, website):
    run, _ = captures.start(enter("olga"), website.id)
    queue.huey.flush()
    queue.huey.storage.enqueue(b"not ours")
    run.rung_at = clock.now() - timedelta(seconds=30)
    db.session.commit()

    worker.sweep_once(app)
    deliver_all_but_forged = queue.huey.dequeue()

    assert deliver_all_but_forged is None
    assert deliver(queue) == 1
    assert again(run).status is RunState.SUCCEEDED


def test_a_worker_shows_that_it_lives_and_what_it_sees(queue):
    worker_lives = lambda: processes.is_alive(processes.WORKER)  # noqa: E731
    presence = processes.Presence(db.engine, processes.WORKER)
    before = (worker_lives(), processes.trouble())
    db.session.rollback()

    presence.show()
    healthy = (worker_lives(), processes.trouble())
    db.session.rollback()
    presence.show(queue_problem="connection refused")
    lame = (worker_lives(), processes.trouble())

    assert before == (False, "")
    assert healthy == (True, "")
    assert lame[0]
    assert "queue does not answer" in lame[1]


def test_a_worker_that_fell_silent_is_missed(queue):
    processes.Presence(db.engine, processes.WORKER).show()
    db.session.query(ProcessSign).update({"seen_at": clock.now() - timedelta(minutes=1)})
    db.session.commit()

    assert not processes.is_alive(processes.WORKER)
    assert "No worker is running" in processes.trouble()


def test_signs_of_the_long_dead_are_cleared_away(queue):
    processes.Presence(db.engine, processes.WORKER).show()
    db.session.query(ProcessSign).update({"seen_at": clock.now() - timedelta(days=31)})
    db.session.commit()

    processes.Presence(db.engine, processes.WORKER).show()

    assert db.session.query(ProcessSign).count() == 1


def test_into_a_long_queue_nobody_rings_again(queue, app, enter, website, monkeypatch):
    run, _ = captures.start(enter("olga"), website.id)
    run.rung_at = clock.now() - timedelta(seconds=30)
    db.session.commit()
    queue.huey.flush()
    monkeypatch.setattr("webapp.jobs.queue.MANY", 1)
    for _ in range(2):
        queue.ring(uuid4())

    assert worker.sweep_once(app) == 0


def test_a_queue_that_is_slow_to_say_no_is_not_asked_for_each_of_many(queue, monkeypatch, caplog):
    asked, at = [], [100.0]

    def slow(run_id: str) -> None:
        asked.append(run_id)
        at[0] += 3.0
        raise TimeoutError("no answer")

    monkeypatch.setattr(queue, "_open", (queue.huey, slow))
    monkeypatch.setattr("webapp.jobs.queue.time", SimpleNamespace(monotonic=lambda: at[0]))

    for _ in range(50):
        queue.ring(uuid4())
    soon = len(asked)
    at[0] += 5.0
    queue.ring(uuid4())

    assert (soon, len(asked)) == (1, 2)
    assert "does not answer" in caplog.text


def test_without_a_database_a_message_is_one_line_in_the_log(queue, website, monkeypatch, caplog):
    def silent(**_options: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    monkeypatch.setattr(work, "carry_on", silent)
    queue.ring(uuid4())

    assert deliver(queue) == 1
    assert "nothing is begun: The database does not answer: connection refused." in caplog.text
    assert "Traceback" not in caplog.text
