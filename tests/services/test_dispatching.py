"""The dispatcher: what is due becomes a run, once, or says why not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests import factories
from tests.services.scheduling import nightly, now_is, slots, stopped
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import SlotStatus, Trigger
from webapp.extensions import db, doorbell
from webapp.models import (
    AuditEntry,
    BackupSchedule,
    BackupScheduleRun,
    Run,
    Source,
    Tenant,
    TenantStatus,
)
from webapp.services import audit_chain, schedules

MADE = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DUE = datetime(2026, 7, 2, 2, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def set_clock(monkeypatch):
    set_to = stopped(monkeypatch)
    set_to(MADE)
    return set_to


@pytest.fixture
def schedule(enter, website, set_clock) -> BackupSchedule:
    return nightly(enter(), website)


def outcomes(schedule: BackupSchedule) -> list[str]:
    return [slot.error_code or slot.status for slot in slots(schedule)]


def test_a_due_slot_becomes_a_queued_run_whose_doorbell_rings(schedule, website, rings):
    done = schedules.dispatch(at=DUE + timedelta(seconds=42))

    (slot,) = slots(schedule)
    run = db.session.get_one(Run, slot.run_id)
    assert (slot.scheduled_for, slot.trigger, slot.status) == (DUE, "schedule", "running")
    assert (run.run_type, run.action, run.status) == (RunType.CAPTURE, "scheduled", "queued")
    assert (run.source_id, run.idempotency_key) == (website.id, f"schedule:{schedule.id}")
    assert (done.due, done.started, rings) == (1, 1, [str(run.id)])


def test_the_doorbell_rings_after_the_commit(schedule, app, monkeypatch):
    seen = []

    def ring(run_id):
        with app.app_context():
            seen.append(db.session.get(Run, run_id) is not None)

    monkeypatch.setattr(doorbell, "ring", ring)

    schedules.dispatch(at=DUE)

    assert seen == [True]


def test_before_its_minute_nothing_happens(schedule):
    assert schedules.dispatch(at=DUE - MINUTE).due == 0
    assert slots(schedule) == []


def test_a_second_tick_in_the_same_minute_starts_nothing(schedule):
    schedules.dispatch(at=DUE)

    assert schedules.dispatch(at=DUE).started == 0
    assert len(slots(schedule)) == 1


def test_a_dispatched_slot_has_one_audit_entry_in_a_sound_chain(schedule, enter):
    schedules.dispatch(at=DUE)

    (slot,) = slots(schedule)
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "schedule.dispatched")
    ).one()
    assert entry.resource == f"run:{slot.run_id}"
    assert entry.details["slot_id"] == str(slot.id)
    assert audit_chain.verify(enter().tenant.id).ok


def test_the_next_run_is_known_when_a_slot_is_taken(schedule):
    schedules.dispatch(at=DUE)

    assert now_is(schedule).next_run_at == DUE + DAY
    assert now_is(schedule).evaluated_until == DUE


@pytest.mark.parametrize("at", ["23:59", "00:00"])
def test_midnight_is_a_minute_like_any_other(enter, website, set_clock, at):
    made = nightly(enter(), website, time_of_day=at)

    for minutes in range(-2, 3):
        schedules.dispatch(at=datetime(2026, 7, 2, 0, 0, tzinfo=UTC) + minutes * MINUTE)

    assert [f"{slot.scheduled_for:%H:%M}" for slot in slots(made)] == [at]


def test_a_slot_during_the_run_before_is_skipped_as_busy(schedule):
    schedules.dispatch(at=DUE)

    done = schedules.dispatch(at=DUE + DAY)

    assert outcomes(schedule) == ["running", "schedule_busy"]
    assert slots(schedule)[1].status is SlotStatus.SKIPPED
    assert done.skipped == {"schedule_busy": 1}


def test_a_slot_during_a_live_restore_of_its_source_is_skipped(schedule, website):
    factories.run(
        website,
        run_type=RunType.RESTORE,
        status=RunState.RUNNING,
        metadata_={"holds": [website.config["path"]]},
    )
    db.session.commit()

    schedules.dispatch(at=DUE)

    assert outcomes(schedule) == ["restore_running"]
    assert now_is(schedule).last_run_status is SlotStatus.SKIPPED


def test_a_live_restore_elsewhere_disturbs_nobody(schedule, website):
    facts = {"status": RunState.RUNNING, "metadata_": {"holds": ["/srv/elsewhere"]}}
    factories.run(website, run_type=RunType.RESTORE, **facts)
    db.session.commit()

    assert schedules.dispatch(at=DUE).started == 1


def test_a_tenant_that_is_not_active_gets_no_runs(schedule):
    db.session.execute(update(Tenant).values(status=TenantStatus.SUSPENDED))
    db.session.commit()

    schedules.dispatch(at=DUE)

    assert outcomes(schedule) == ["tenant_not_active"]


def test_a_source_that_was_removed_past_the_usual_way_gets_no_runs(schedule):
    db.session.execute(update(Source).values(removed_at=MADE))
    db.session.commit()

    schedules.dispatch(at=DUE)

    assert outcomes(schedule) == ["source_removed"]


def test_the_slots_of_a_paused_schedule_are_shown_as_paused(schedule, enter):
    schedules.pause(enter(), schedule.id, DUE + HOUR, "closed")

    for day in range(2):
        schedules.dispatch(at=DUE + day * DAY)

    assert outcomes(schedule) == ["paused", "running"]


@pytest.mark.parametrize("act", ["disable", "archive"])
def test_what_is_disabled_or_archived_has_no_slots(schedule, enter, act):
    getattr(schedules, act)(enter(), schedule.id)

    assert schedules.dispatch(at=DUE).due == 0
    assert slots(schedule) == []


def test_a_scheduler_asleep_for_a_day_shows_what_it_missed_and_makes_up_for_nothing(
    enter, website, set_clock
):
    made = nightly(enter(), website, frequency="cron", cron="0 * * * *")

    done = schedules.dispatch(at=MADE + DAY + MINUTE)

    assert outcomes(made) == ["missed"] * 24
    assert (done.started, done.missed) == (0, 24)
    assert now_is(made).next_run_at == MADE + DAY + HOUR


def test_by_the_rule_once_a_day_asleep_is_made_up_for_by_one_run(enter, website, set_clock):
    made = nightly(enter(), website, frequency="cron", cron="0 * * * *", missed="once")

    schedules.dispatch(at=MADE + DAY + MINUTE)

    assert outcomes(made) == ["missed"] * 23 + ["running"]
    assert slots(made)[-1].trigger is Trigger.MISSED


def test_more_missed_slots_than_anybody_reads_are_counted_by_one_row(enter, website, set_clock):
    made = nightly(enter(), website, frequency="cron", cron="* * * * *")

    done = schedules.dispatch(at=MADE + DAY)

    found = slots(made)
    assert (len(found), done.missed) == (52, 24 * 60 - 1)
    assert "1,388 slots before it" in found[0].error_message


def test_a_clock_that_jumps_back_two_hours_runs_nothing_twice(enter, website, set_clock):
    made = nightly(enter(), website, frequency="cron", cron="0 * * * *")
    for hours in (1, 2, 3, 1.5, 2, 3, 4):  # at 1.5 it was set back
        schedules.dispatch(at=MADE + hours * HOUR)
        db.session.execute(update(Run).values(status=RunState.SUCCEEDED))
        db.session.commit()

    times = [slot.scheduled_for for slot in slots(made)]

    assert times == [MADE + hours * HOUR for hours in (1, 2, 3, 4)]
    assert outcomes(made) == ["running"] * 4


def test_a_clock_that_was_a_year_ahead_for_a_minute_costs_no_backup(schedule):
    schedules.dispatch(at=DUE + 365 * DAY + MINUTE)
    assert now_is(schedule).next_run_at > DUE + 365 * DAY

    schedules.dispatch(at=DUE - HOUR)
    schedules.dispatch(at=DUE)

    assert (slots(schedule)[-1].scheduled_for, outcomes(schedule)[-1]) == (DUE, "running")


def test_both_days_on_which_clocks_change_have_the_right_number_of_runs(enter, website, set_clock):
    set_clock(datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
    made = nightly(enter(), website, time_of_day="02:30", timezone="Europe/Berlin")
    start = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)

    for minutes in range(0, 5 * 60, 10):
        schedules.dispatch(at=start + minutes * MINUTE)

    assert [slot.scheduled_for for slot in slots(made)] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    ]


def test_a_schedule_that_cannot_be_understood_does_not_stop_the_others(schedule, enter, website):
    broken = nightly(enter(), website, name="broken")
    db.session.execute(
        update(BackupSchedule).where(BackupSchedule.id == broken.id).values(timezone="Mars/Base")
    )
    db.session.commit()

    done = schedules.dispatch(at=DUE)

    assert (done.due, done.started) == (2, 1)
    assert outcomes(broken) == ["schedule_unusable"]
    assert now_is(broken).next_run_at is None


def test_a_minute_taken_by_run_now_is_left_to_it(schedule, enter, set_clock):
    set_clock(DUE)
    schedules.run_now(enter("olga"), schedule.id)
    db.session.execute(update(Run).values(status=RunState.SUCCEEDED))
    db.session.commit()

    done = schedules.dispatch(at=DUE)

    assert (done.started, done.taken) == (0, 1)
    assert [slot.trigger for slot in slots(schedule)] == [Trigger.RUN_NOW]


def test_more_than_a_batch_is_dispatched_in_one_tick(enter, website, set_clock, monkeypatch):
    monkeypatch.setattr("webapp.services.schedules.dispatcher.BATCH", 3)
    for number in range(8):
        nightly(enter(), website, name=f"number {number}")

    assert schedules.dispatch(at=DUE).started == 8


def test_several_dispatchers_at_once_start_each_slot_once(app, enter, website, set_clock):
    for number in range(40):
        nightly(enter(), website, name=f"number {number}")
    db.session.rollback()
    barrier, done, failed = threading.Barrier(4), [], []

    def dispatch() -> None:
        with app.app_context():
            barrier.wait()
            try:
                done.append(schedules.dispatch(at=DUE).started)
            except Exception as error:
                failed.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=dispatch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counted = select(func.count()).select_from
    assert failed == []
    assert sum(done) == 40
    assert db.session.scalar(counted(Run)) == 40
    assert db.session.scalar(counted(BackupScheduleRun)) == 40
    assert audit_chain.verify(enter().tenant.id).ok
