"""Bulk runs: one row an item, in order; stopped when most of the first fail; repeated in part."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from tests import factories
from tests.services.conftest import again
from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupSet,
    BulkOperationRun,
    Membership,
    Notification,
    Run,
    RunItem,
    Source,
)
from webapp.services import bulk, captures, retries, runs, sources, work
from webapp.services.bulk import carrying, operations
from webapp.services.claims import LeaseLost


@pytest.fixture
def many(enter, www) -> list[Source]:
    """Three folders to protect."""
    made = []
    for name in ("one", "two", "three"):
        folder = www / name
        folder.mkdir()
        (folder / "file.txt").write_text(name)
        made.append(sources.add(enter(), kind="files", name=name, config={"path": str(folder)}))
    return made


@pytest.fixture
def until_ended(rings):
    """Work until a run has ended; the time that it asks for passes at once."""

    def until_ended(run: Run) -> Run:
        for _ in range(50):
            rings.clear()
            db.session.rollback()
            db.session.query(Run).filter_by(status=RunState.RUNNING).update(
                {"lease_until": clock.now() - timedelta(seconds=1)}
            )
            db.session.commit()
            work.carry_on(owner="test")
            if again(run).status.is_final:
                return again(run)
        raise AssertionError("it never ends")

    return until_ended


@pytest.fixture
def simple(monkeypatch):
    """An operation on sources that is done at once and fails for those named."""
    calls: list[UUID] = []
    monkeypatch.setattr(operations, "_operations", dict(operations._operations))

    def simple(*, failing: set[UUID] = frozenset()) -> list[UUID]:
        def act(_access, item_id, _options):
            calls.append(item_id)
            if item_id in failing:
                raise Refused("no_good", "Its password=hunter2 is no good.")

        bulk.register("source", "poke", act)
        return calls

    return simple


def rows(run: Run) -> list[RunItem]:
    return list(db.session.query(RunItem).filter_by(run_id=run.id).order_by(RunItem.position))


def link(run: Run) -> BulkOperationRun:
    return db.session.query(BulkOperationRun).filter_by(run_id=run.id).one()


def ids(things) -> list[UUID]:
    return sorted(thing.id for thing in things)


def lots(count: int) -> list[UUID]:
    tenant = factories.tenant_called("acme")
    found = ids(factories.source(tenant) for _ in range(count))
    db.session.commit()
    return found


def test_many_sources_are_captured_each_by_a_run_of_its_own(enter, many, until_ended):
    run, is_new = bulk.start(enter("olga"), "source", "capture", ids(many), reason="before it")

    run = until_ended(run)

    assert is_new
    assert (run.status, run.succeeded, run.processed_items) == (RunState.SUCCEEDED, 3, 3)
    assert [row.item_key for row in rows(run)] == [f"source:{one}" for one in ids(many)]
    assert db.session.query(BackupSet).count() == 3
    assert {found.reason for found in db.session.query(BackupSet)} == {"before it"}


def test_many_sets_are_verified(enter, many, until_ended):
    first, _ = bulk.start(enter("olga"), "source", "capture", ids(many))
    until_ended(first)
    db.session.query(BackupSet).update({"verified_at": None})
    db.session.commit()
    sets = ids(db.session.query(BackupSet))

    run, _ = bulk.start(enter("olga"), "backup_set", "verify", sets)
    run = until_ended(run)

    assert (run.status, run.succeeded) == (RunState.SUCCEEDED, 3)
    assert all(found.verified_at for found in db.session.query(BackupSet))


def test_the_same_items_in_another_order_share_one_run(enter, many):
    first, _ = bulk.start(enter("olga"), "source", "capture", ids(many))

    second, is_new = bulk.start(enter("alice"), "source", "capture", ids(many)[::-1])

    assert (second.id, is_new) == (first.id, False)


def test_a_capture_that_is_under_way_already_is_shared(enter, many, until_ended):
    other, _ = captures.start(enter("alice"), many[0].id)
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))
    work.carry_out(run.id, owner="test")  # it begins its items before the other run was picked

    run = until_ended(run)

    made = {item.run_id for item in bulk.items(enter("bob"), bulk.find(enter("bob"), run.id))}
    assert other.id in made
    assert db.session.query(BackupSet).count() == 3


def test_an_item_that_fails_is_told_and_the_rest_is_done(enter, many, until_ended, www):
    (www / "two").rename(www / "elsewhere")
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))

    run = until_ended(run)

    assert (run.status, run.succeeded, run.failed) == (RunState.PARTIAL, 2, 1)
    failures = link(run).failures
    assert [failure["item_key"] for failure in failures] == [f"source:{many[1].id}"]
    assert failures[0]["code"] == "not_found"


def test_a_bulk_run_holds_no_worker_while_it_waits(enter, many, rings):
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))

    work.carry_out(run.id, owner="test")

    run = again(run)
    assert (run.status, run.phase) == (RunState.RUNNING, "waiting for 3 of 3")
    assert clock.now() < run.lease_until < clock.now() + timedelta(seconds=4)
    assert (run.attempt, len(rings)) == (0, 4)


def test_that_a_bulk_run_looks_again_is_no_news(enter, many, rings):
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))
    work.carry_out(run.id, owner="test")
    db.session.query(Notification).update({"read_at": clock.now()})
    db.session.query(Run).filter_by(id=run.id).update(
        {"lease_until": clock.now() - timedelta(seconds=1)}
    )
    db.session.commit()

    work.carry_out(run.id, owner="test")

    assert db.session.query(Notification).filter_by(read_at=None).count() == 0


def test_items_are_worked_on_in_the_order_of_their_making(enter, simple, until_ended, people):
    calls = simple()
    wanted = lots(5)
    run, _ = bulk.start(enter("olga"), "source", "poke", wanted[::-1])

    run = until_ended(run)

    assert calls == wanted
    assert [row.position for row in rows(run)] == [0, 1, 2, 3, 4]
    assert {row.outcome for row in rows(run)} == {"succeeded"}


@pytest.mark.parametrize(
    ("failing", "total", "begun"),
    [(6, 30, 10), (5, 30, 30), (9, 9, 9)],
    ids=["more than half of the first ten", "just half", "fewer than ten"],
)
def test_the_circuit_breaker_stops_a_run_whose_first_items_fail(
    enter, simple, until_ended, people, failing, total, begun
):
    wanted = lots(total)
    calls = simple(failing=set(wanted[:failing]))
    run, _ = bulk.start(enter("olga"), "source", "poke", wanted)

    run = until_ended(run)

    assert len(calls) == begun
    assert len(rows(run)) == total
    assert (run.error_code == "circuit_open") is (begun < total)
    if begun < total:
        assert run.status is RunState.FAILED
        assert (run.failed, run.succeeded, run.skipped) == (6, 4, 20)
        assert rows(run)[-1].reason_code == "not_attempted"


def test_only_the_first_items_begin_until_they_have_ended(enter, people, rings):
    run, _ = bulk.start(enter("olga"), "source", "capture", lots(14))

    work.carry_out(run.id, owner="test")

    assert len(rows(run)) == 10


def test_what_failed_is_safe_to_show(enter, simple, until_ended, people):
    wanted = lots(1)
    simple(failing=set(wanted))
    run, _ = bulk.start(enter("olga"), "source", "poke", wanted)

    run = until_ended(run)

    assert link(run).failures == [
        {"item_key": f"source:{wanted[0]}", "code": "no_good",
         "message": "Its password=[hidden] is no good."}
    ]  # fmt: skip


def test_the_audit_log_has_the_end_and_the_run_names_it(enter, simple, until_ended, people):
    simple()
    run, _ = bulk.start(enter("olga"), "source", "poke", lots(2), reason="to see")

    run = until_ended(run)

    entry = db.session.get_one(AuditEntry, link(run).audit_log_id)
    assert (entry.action, entry.actor, entry.reason) == (
        "source.bulk_poke", "olga@example.com", "to see"
    )  # fmt: skip
    assert entry.details["counts"]["succeeded"] == 2


def test_the_view_of_the_original_document_shows_it(enter, simple, until_ended, people):
    simple()
    run, _ = bulk.start(enter("olga"), "source", "poke", lots(2))
    until_ended(run)

    row = db.session.execute(text("SELECT * FROM bulk_operation_runs_v")).one()

    assert (row.resource, row.action, row.status) == ("source", "poke", "succeeded")
    assert (row.total_items, row.processed_items) == (2, 2)
    assert row.failures in ("[]", [])  # SQLite gives the text of a document, PostgreSQL reads it


def test_canceling_stops_what_it_started(enter, many, until_ended, rings):
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))
    work.carry_out(run.id, owner="test")

    runs.cancel(enter("olga"), run.id)
    db.session.query(Run).filter_by(id=run.id).update(
        {"lease_until": clock.now() - timedelta(seconds=1)}
    )
    db.session.commit()
    work.carry_out(run.id, owner="test")

    assert again(run).status is RunState.CANCELED
    assert {row.outcome for row in rows(run)} == {"skipped"}
    children = db.session.query(Run).filter_by(run_type=RunType.CAPTURE)
    assert {child.status for child in children} == {RunState.CANCELED}


def test_a_bulk_run_canceled_before_it_began_has_a_row_for_each_item(enter, many):
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))

    runs.cancel(enter("olga"), run.id)

    assert again(run).status is RunState.CANCELED
    assert [row.reason_code for row in rows(run)] == ["not_attempted"] * 3


def test_a_run_whose_worker_died_goes_on_and_repeats_no_item(enter, simple, people, monkeypatch):
    wanted = lots(4)
    calls = simple()
    run, _ = bulk.start(enter("olga"), "source", "poke", wanted)
    with monkeypatch.context() as patched:
        patched.setattr(carrying, "_is_open", _die_after(3))
        work.carry_out(run.id, owner="dying")
    db.session.query(Run).update({"lease_until": clock.now() - timedelta(seconds=1)})
    db.session.commit()

    work.carry_out(run.id, owner="next")

    assert again(run).status is RunState.SUCCEEDED
    assert calls == wanted
    assert len(rows(run)) == 4


def _die_after(count: int):

    left = [count]

    def die(_claim) -> bool:
        left[0] -= 1
        if not left[0]:
            raise LeaseLost
        return False

    return die


def test_an_item_whose_worker_died_before_it_noted_the_run_gets_no_second_run(
    enter, many, until_ended, monkeypatch
):
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))
    with monkeypatch.context() as patched:
        patched.setattr(carrying, "_act", _dying_behind(carrying._act))
        work.carry_out(run.id, owner="dying")
    first = db.session.query(Run).filter_by(run_type=RunType.CAPTURE).one().id
    work.carry_out(first, owner="another")  # it has ended when the bulk run is taken over

    run = until_ended(run)

    assert (run.status, run.succeeded) == (RunState.SUCCEEDED, 3)
    assert db.session.query(Run).filter_by(run_type=RunType.CAPTURE).count() == 3
    shown = bulk.items(enter("bob"), bulk.find(enter("bob"), run.id))
    assert first in {row.run_id for row in shown}


def _dying_behind(act):
    def die(*arguments):
        act(*arguments)
        raise LeaseLost

    return die


def test_what_a_dead_worker_began_and_could_not_note_is_canceled_with_the_rest(
    enter, many, until_ended, monkeypatch
):
    run, _ = bulk.start(enter("olga"), "source", "capture", ids(many))
    with monkeypatch.context() as patched:
        patched.setattr(carrying, "_act", _dying_behind(carrying._act))
        work.carry_out(run.id, owner="dying")

    runs.cancel(enter("olga"), run.id)
    run = until_ended(run)

    child = db.session.query(Run).filter_by(run_type=RunType.CAPTURE).one()
    assert (run.status, child.status) == (RunState.CANCELED, RunState.CANCELED)


def test_whoever_lost_the_right_meanwhile_gets_nothing_done(enter, simple, people, rings):
    calls = simple()
    run, _ = bulk.start(enter("olga"), "source", "poke", lots(2))
    person = factories.user_called("olga")
    db.session.query(Membership).filter_by(user_id=person.id).delete()
    db.session.commit()

    work.carry_out(run.id, owner="test")

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "not_allowed_any_more")
    assert calls == []
    assert len(rows(run)) == 2


@pytest.mark.parametrize("person", ["bob", "pete"])
def test_a_small_role_starts_none(enter, many, person):
    with pytest.raises(Forbidden):
        bulk.start(enter(person), "source", "capture", ids(many))


def test_an_operation_may_ask_for_more(enter, simple, many):
    bulk.register("source", "poke", lambda *_: None, permission=Permission.MANAGE)

    with pytest.raises(Forbidden):
        bulk.start(enter("olga"), "source", "poke", ids(many))


def test_one_id_of_a_neighbour_refuses_all(enter, many):
    theirs = factories.source(factories.tenant_called("globex"))
    db.session.commit()

    with pytest.raises(Forbidden):
        bulk.start(enter("olga"), "source", "capture", [*ids(many), theirs.id])


def test_a_removed_source_is_told(enter, many):
    sources.remove(enter(), many[0].id, reason="gone")

    with pytest.raises(NotFound):
        bulk.start(enter("olga"), "source", "capture", ids(many))


@pytest.mark.parametrize(
    ("action", "count"), [("capture", 0), ("capture", 1001), ("burn", 1)],
    ids=["none", "too many", "no such operation"],
)  # fmt: skip
def test_what_cannot_be_done_is_invalid(enter, people, action, count):
    wanted = [UUID(int=number) for number in range(count)]

    with pytest.raises(Invalid):
        bulk.start(enter("olga"), "source", action, wanted)


def test_only_what_failed_is_repeated_as_a_child(enter, simple, until_ended, people):
    wanted = lots(4)
    simple(failing=set(wanted[1:3]))
    run, _ = bulk.start(enter("olga"), "source", "poke", wanted)
    run = until_ended(run)
    calls = simple()
    calls.clear()

    child, is_new = retries.again(enter("olga"), run.id, failed_only=True)
    child = until_ended(child)

    assert is_new
    assert (child.parent_run_id, child.status) == (run.id, RunState.SUCCEEDED)
    assert calls == wanted[1:3]


def test_all_of_it_is_repeated_where_that_is_asked_for(enter, simple, until_ended, people):
    wanted = lots(4)
    calls = simple(failing={wanted[0]})
    run, _ = bulk.start(enter("olga"), "source", "poke", wanted)
    run = until_ended(run)
    calls.clear()

    child, _ = retries.again(enter("olga"), run.id)
    until_ended(child)

    assert calls == wanted


def test_nothing_is_repeated_of_what_succeeded(enter, simple, until_ended, people):
    simple()
    run, _ = bulk.start(enter("olga"), "source", "poke", lots(2))
    run = until_ended(run)

    with pytest.raises(Refused) as refused:
        retries.again(enter("olga"), run.id, failed_only=True)
    with pytest.raises(Conflict):
        retries.again(enter("olga"), run.id)

    assert refused.value.code == "nothing_failed"


def test_the_list_shows_the_newest_first_and_only_ones_own(enter, simple, people):
    simple()
    first, _ = bulk.start(enter("olga"), "source", "poke", lots(1))
    second, _ = bulk.start(enter("olga"), "source", "poke", lots(2))

    mine = bulk.latest(enter("bob"))
    theirs = bulk.latest(enter("charlie", tenant="globex"))

    assert [row.run.id for row in mine] == [second.id, first.id]
    assert [row.title for row in mine] == ["Poke of 2 sources", "Poke of 1 source"]
    assert theirs == []
