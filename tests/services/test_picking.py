"""What a free worker does next, within limits, however many workers choose at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event

from tests import factories
from tests.services.conftest import again
from webapp import clock
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import Limit, LimitScope, Run
from webapp.services import captures, picking, runs, work


@pytest.fixture
def acme(people, context):
    return factories.tenant_called("acme")


@pytest.fixture
def globex(people, context):
    return factories.tenant_called("globex")


def waiting(of, *, minutes: float = 1, **facts: object) -> Run:
    """A run of a source that is queued."""
    return factories.run(
        of,
        **{
            "status": RunState.QUEUED,
            "queued_at": clock.now() - timedelta(minutes=minutes),
            "started_at": None,
            "finished_at": None,
            **facts,
        },
    )


def limit(scope: LimitScope, subject: str = "", **facts: object) -> Limit:
    made = Limit(scope=scope, subject=subject, **facts)
    db.session.add(made)
    db.session.flush()
    return made


def next_one() -> Run | None:
    db.session.commit()
    held = picking.next_due(owner="test", at=clock.now())
    return db.session.get_one(Run, held.run_id) if held else None


def test_a_restore_is_picked_before_captures_that_waited_longer(acme):
    source = factories.source(acme)
    waiting(source, minutes=60)
    restore = waiting(source, run_type=RunType.RESTORE, action="apply", minutes=0)

    assert next_one().id == restore.id


def test_a_small_tenant_is_picked_before_a_big_one(acme, globex):
    big = [waiting(factories.source(acme), minutes=60) for _ in range(5)]
    small = waiting(factories.source(globex), minutes=1)

    picked = [next_one().id for _ in range(3)]

    assert picked == [big[0].id, small.id, big[1].id]


def test_what_a_dead_worker_left_is_picked_first(acme):
    source = factories.source(acme)
    waiting(source, run_type=RunType.RESTORE, action="apply")
    left = waiting(source, status=RunState.RUNNING, lease_until=clock.now() - timedelta(seconds=1))

    assert next_one().id == left.id


def test_a_run_whose_time_has_not_come_is_not_picked(acme):
    waiting(factories.source(acme), not_before=clock.now() + timedelta(minutes=1))

    assert next_one() is None


@pytest.mark.parametrize("scope", LimitScope)
def test_no_more_run_at_once_than_the_limit_says(acme, scope):
    subject = {"installation": "", "tenant": str(acme.id), "host": f"{acme.id}/"}[scope]
    limit(scope, subject, most_running=2, tenant_id=None if not subject else acme.id)
    for _ in range(4):
        waiting(factories.source(acme))

    picked = [next_one() for _ in range(3)]

    assert [run is not None for run in picked] == [True, True, False]


def test_a_full_host_does_not_keep_others_from_their_turn(acme):
    limit(LimitScope.HOST, f"{acme.id}/db1", most_running=0, tenant_id=acme.id)
    full = factories.source(acme, host="db1")
    for _ in range(20):
        waiting(full, minutes=60)
    other = waiting(factories.source(acme, host="db2"), minutes=1)

    assert next_one().id == other.id


def test_the_sweep_writes_beside_a_run_what_it_waits_for(acme, rings):
    until = clock.now() + timedelta(hours=1)
    limit(LimitScope.TENANT, str(acme.id), tenant_id=acme.id, paused_until=until,
          pause_reason="moving")  # fmt: skip
    run = waiting(factories.source(acme))
    db.session.commit()

    rung = runs.sweep(at=clock.now())
    told = again(run).waits_for
    freed = runs.sweep(at=until)

    assert (rung, freed) == (0, 1)
    assert "paused until" in told
    assert "(moving)" in told
    assert again(run).waits_for == ""


def test_the_sweep_leaves_alone_what_waits_for_another_reason(acme):
    run = waiting(factories.source(acme), not_before=clock.now() + timedelta(minutes=5),
                  waits_for="the vault's place does not answer")  # fmt: skip
    db.session.commit()

    runs.sweep(at=clock.now())

    assert again(run).waits_for == "the vault's place does not answer"


def test_one_message_is_enough_for_all_that_waits(enter, website, www, rings):
    first, _ = captures.start(enter("olga"), website.id)
    second, _ = captures.start(enter("olga"), website.id, backup_type="files")
    db.session.rollback()

    count = work.carry_on(owner="test")

    assert count == 2
    assert {again(run).status for run in (first, second)} == {RunState.SUCCEEDED}


def test_a_bug_in_one_run_does_not_keep_the_next_from_its_turn(enter, website, monkeypatch):
    captures.start(enter("olga"), website.id)
    other = waiting(website, run_type=RunType.MAINTENANCE, action="check")
    db.session.commit()

    def stumble(_claim):
        raise ZeroDivisionError

    monkeypatch.setitem(work.WORK, (RunType.CAPTURE, "capture"), stumble)

    count = work.carry_on(owner="test")

    assert count == 2
    assert again(other).status is RunState.SUCCEEDED


def test_workers_that_choose_at_once_never_choose_the_same_nor_exceed_a_limit(app, acme):
    limit(LimitScope.TENANT, str(acme.id), most_running=5, tenant_id=acme.id)
    for _ in range(12):
        waiting(factories.source(acme))
    db.session.commit()
    gate, picked = threading.Barrier(8), []

    def choose() -> None:
        with app.app_context():
            gate.wait()
            for _ in range(2):
                held = picking.next_due(owner="test", at=clock.now())
                if held is not None:
                    picked.append(held.run_id)

    threads = [threading.Thread(target=choose) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(picked) == len(set(picked)) == 5


def test_choosing_among_hundreds_is_a_constant_number_of_queries(acme):
    for _ in range(300):
        waiting(factories.source(acme))
    db.session.commit()
    seen: list[str] = []

    def note(_c, _cur, statement, *_more):
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    picking.next_due(owner="test", at=clock.now())
    event.remove(db.engine, "before_cursor_execute", note)

    assert len(seen) <= 9
