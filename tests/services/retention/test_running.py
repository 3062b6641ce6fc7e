"""Retention runs: what no rule keeps goes to the trash, and nothing else does."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from tests import factories
from tests.services.retention.conftest import PARTIAL, acts, living, row
from webapp import clock
from webapp.domain.plans import PlanState
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunState, RunType
from webapp.errors import Forbidden, Refused
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupItem,
    BackupSchedule,
    Run,
    RunItem,
    TenantStatus,
    VaultRecord,
)
from webapp.services import claims, retention, runs, work
from webapp.services.retention import running


def test_the_last_ones_stay_and_older_ones_go_to_the_trash(night, retain):
    made = [night(days_ago) for days_ago in range(5)]

    run = retain()

    assert living() == {made[0].id, made[1].id}
    assert run.status is RunState.SUCCEEDED
    assert (run.succeeded, run.total_items) == (3, 3)


def test_what_goes_says_by_which_rule_in_the_row_the_items_and_the_audit_log(night, retain):
    gone = [night(days_ago) for days_ago in range(3)][-1]

    run = retain()

    rule = "No rule keeps it: the last 2."
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "set.deleted")).one()
    item = db.session.scalars(select(RunItem).where(RunItem.run_id == run.id)).one()
    assert row(gone.id).deleted_by_rule == rule
    assert (entry.reason, entry.resource) == (rule, f"set:{gone.id}")
    assert entry.details["schedule"] == "nightly"
    assert (item.item_key, item.outcome) == (f"set:{gone.id}", "succeeded")
    assert rule in item.message


def test_the_items_of_a_set_go_with_it(night, retain):
    gone = [night(days_ago) for days_ago in range(3)][-1]

    retain()

    deleted = select(BackupItem.backup_set_id).where(BackupItem.deleted_at.is_not(None))
    assert set(db.session.scalars(deleted)) == {gone.id}


def test_where_nothing_goes_the_run_succeeds_and_counts_nothing(night, retain):
    night(0)

    run = retain()

    assert (run.status, run.succeeded, run.total_items) == (RunState.SUCCEEDED, 0, 0)


def test_incomplete_ones_take_no_place_of_a_complete_one(night, retain):
    made = [night(0), night(1, **PARTIAL), night(2), night(3)]

    retain()

    assert living() == {made[0].id, made[2].id}


@pytest.mark.parametrize("mark", [{"pinned": True}, {"on_hold": "case 4711"}], ids=str)
def test_what_is_pinned_or_on_hold_stays(night, retain, mark):
    old = night(9, **mark)
    night(0), night(1)

    retain()

    assert old.id in living()


@pytest.mark.parametrize("state", [one for one in PlanState if not one.is_final])
def test_what_an_open_plan_needs_stays(night, retain, state):
    old = night(9)
    night(0), night(1)
    factories.plan(old, state=state)
    db.session.commit()

    retain()

    assert old.id in living()


def test_what_a_plan_needed_that_is_closed_goes(night, retain):
    old = night(9)
    night(0), night(1)
    factories.plan(old, state=PlanState.EXPIRED)
    db.session.commit()

    retain()

    assert old.id not in living()


def test_what_a_run_reads_stays(night, retain, website):
    old = night(9)
    night(0), night(1)
    factories.run(
        website,
        run_type=RunType.MAINTENANCE,
        action="verify",
        status=RunState.RUNNING,
        finished_at=None,
        metadata_={"set_id": str(old.id)},
    )
    db.session.commit()

    retain()

    assert old.id in living()


def test_what_a_person_captured_stays_and_takes_no_place(night, retain, website):
    by_hand = factories.backup_set(factories.run(website))
    made = [night(days_ago) for days_ago in range(1, 4)]

    retain()

    assert living() == {by_hand.id, made[0].id, made[1].id}


def test_it_goes_after_the_days_that_the_tenant_chose(night, retain, website, enter):
    at = clock.now() - timedelta(days=91)
    by_hand = factories.backup_set(factories.run(website, queued_at=at))
    newest = night(0)
    retention.choose(enter("alice"), hand_days=90, pre_restore_days=30)

    retain()

    assert living() == {newest.id}
    assert row(by_hand.id).deleted_by_rule == "Made by hand, more than 90 days ago."


@pytest.mark.parametrize(("days_ago", "stays"), [(29, True), (31, False)])
def test_what_a_restore_overwrote_stays_for_30_days(night, retain, website, days_ago, stays):
    at = clock.now() - timedelta(days=days_ago)
    of = factories.run(website, run_type=RunType.RESTORE, action="apply", queued_at=at)
    safety = factories.backup_set(of, backup_type=BackupType.PRE_RESTORE)
    night(0)

    retain()

    assert (safety.id in living()) is stays


def test_two_schedules_of_one_source_judge_their_own(night, retain, website):
    weekly = factories.schedule(website, name="weekly", retention_keep_last=1)
    at = clock.now() - timedelta(days=20)
    of = factories.run(website, queued_at=at)
    old = factories.backup_set(of)
    factories.slot(weekly, of, backup_set_id=old.id)
    made = [night(days_ago) for days_ago in range(3)]

    retain()

    assert living() == {old.id, made[0].id, made[1].id}


def test_retention_of_one_schedule_leaves_the_others_alone(night, work_off, website, schedule):
    weekly = factories.schedule(website, name="weekly", retention_keep_last=1)
    db.session.commit()
    made = [night(days_ago) for days_ago in range(3)]

    retention.enqueue(weekly.id, tenant_id=weekly.tenant_id)
    work_off()
    others = living()
    retention.enqueue(schedule.id, tenant_id=schedule.tenant_id)
    work_off()

    assert others == {one.id for one in made}
    assert living() == {made[0].id, made[1].id}


def test_a_schedule_whose_slot_is_not_written_yet_counts_what_its_run_made(
    retain, website, schedule
):
    made = []
    for days_ago in range(3):
        at = clock.now() - timedelta(days=days_ago)
        facts = {"action": "scheduled", "metadata_": {"schedule_id": str(schedule.id)}}
        made.append(factories.backup_set(factories.run(website, queued_at=at, **facts)).id)
    db.session.commit()

    retain()

    assert living() == set(made[:2])


def test_an_archived_schedule_deletes_nothing(night, retain, schedule):
    made = [night(days_ago) for days_ago in range(4)]
    db.session.get_one(BackupSchedule, schedule.id).archived_at = clock.now()
    db.session.commit()

    retain()

    assert living() == {one.id for one in made}


def test_when_it_ran_is_noted_for_each_schedule(night, retain, schedule):
    night(0)
    before = clock.now()

    retain()

    assert db.session.get_one(BackupSchedule, schedule.id).retention_ran_at >= before


def test_identical_requests_share_a_run(schedule, night):
    first = retention.enqueue(schedule.id, tenant_id=schedule.tenant_id)

    assert retention.enqueue(schedule.id, tenant_id=schedule.tenant_id).id == first.id


def test_nothing_is_deleted_for_a_tenant_that_was_suspended_meanwhile(night, enter, work_off):
    made = [night(days_ago) for days_ago in range(3)]
    run, _ = retention.of_all(enter())
    enter().tenant.status = TenantStatus.SUSPENDED
    db.session.commit()

    work_off()

    assert len(living()) == len(made)
    found = runs.find(enter(), run.id)
    assert (found.status, found.error_code) == (RunState.FAILED, "not_allowed_any_more")


def test_a_neighbours_sets_are_not_looked_at(night, retain, enter):
    neighbour = factories.source(factories.tenant_called("globex"))
    nightly = factories.schedule(neighbour, retention_keep_last=1)
    theirs = []
    for days_ago in range(3):
        of = factories.run(neighbour, queued_at=clock.now() - timedelta(days=days_ago))
        theirs.append(factories.backup_set(of).id)
        factories.slot(nightly, of, backup_set_id=theirs[-1])
    night(0)

    retain()

    assert set(theirs) <= living()


def test_a_run_killed_between_two_batches_is_gone_on_with(night, enter, monkeypatch, rings):
    monkeypatch.setattr(running, "BATCH", 2)
    made = [night(days_ago) for days_ago in range(8)]
    run, _ = retention.of_all(enter())
    sweep, calls = running._sweep, []

    def dies(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise SystemExit  # as a kill: nothing after it is carried out
        return sweep(*arguments, **options)

    monkeypatch.setattr(running, "_sweep", dies)
    with pytest.raises(SystemExit):
        work.carry_out(run.id, owner="first")
    half = len(living())
    monkeypatch.setattr(running, "_sweep", sweep)
    _lease_over(run.id)
    work.carry_out(run.id, owner="second")

    found = runs.find(enter(), run.id)
    assert half == 4
    assert living() == {made[0].id, made[1].id}
    assert (found.status, found.succeeded) == (RunState.SUCCEEDED, 6)
    assert acts().count("set.deleted") == 6


def _lease_over(run_id) -> None:
    db.session.rollback()
    run = db.session.get_one(Run, run_id)
    run.lease_until = clock.now() - timedelta(seconds=1)
    db.session.commit()
    claims._held.clear()


def test_once_a_day_it_is_asked_for_where_there_is_a_vault(enter, capture, night, rings):
    capture(1)
    now = clock.now()

    retention.ask_daily(now)
    at_once = list(rings)
    retention.ask_daily(now + timedelta(days=1, minutes=1))
    asked = list(rings)
    retention.ask_daily(now + timedelta(days=1, minutes=2))

    assert at_once == []
    assert [_action(run_id) for run_id in asked] == ["retention"]
    assert rings == asked


def test_a_tenant_at_rest_is_not_asked(enter, capture, rings):
    capture(1)
    enter().tenant.status = TenantStatus.SUSPENDED
    db.session.commit()

    retention.ask_daily(clock.now() + timedelta(days=2))

    assert rings == []


def _action(run_id: str) -> str:
    return db.session.get_one(Run, UUID(run_id)).action


def test_the_daily_one_is_noted_at_the_vault(enter, capture, retain):
    capture(1)

    retain()

    assert db.session.scalars(select(VaultRecord)).one().retention_ran_at is not None


def test_a_reason_why_is_given_for_every_set(enter, night, website):
    newest, old = night(0), night(1)
    night(2)
    by_hand = factories.backup_set(factories.run(website))
    db.session.commit()

    def why(one):
        return retention.why(enter("bob"), one)

    assert why(newest) == "It stays: last 1 of 2, by schedule nightly."
    assert why(old) == "It stays: last 2 of 2, by schedule nightly."
    assert why(by_hand) == "It stays: made by hand: stays until a person deletes it."


def test_asking_for_a_suspended_tenant_is_refused(enter, schedule):
    enter().tenant.status = TenantStatus.SUSPENDED
    db.session.commit()

    with pytest.raises(Forbidden):
        retention.enqueue(schedule.id, tenant_id=schedule.tenant_id)


def test_one_that_was_stopped_half_way_tells_what_it_did(night, enter, monkeypatch, work_off):
    monkeypatch.setattr(running, "BATCH", 1)
    for days_ago in range(5):
        night(days_ago)
    sweep, calls = running._sweep, []

    def stops(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise Refused("out_of_order", "It stops here.")
        return sweep(*arguments, **options)

    monkeypatch.setattr(running, "_sweep", stops)
    run, _ = retention.of_all(enter())
    work_off()

    found = runs.find(enter(), run.id)
    assert (found.status, found.succeeded, len(living())) == (RunState.PARTIAL, 1, 4)
    assert found.failure_reason == "It stops here."
