"""The work of a slot: one run, one set, and an end that slot and schedule tell alike."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests import factories
from tests.services.conftest import again
from tests.services.scheduling import nightly, now_is, slots, stopped
from webapp.connectors import registry
from webapp.connectors.files import FilesConnector
from webapp.domain.permissions import Permission, Role
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import SlotStatus, Trigger
from webapp.errors import Conflict, Forbidden
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupSchedule,
    BackupScheduleRun,
    BackupSet,
    Membership,
    Run,
    Tenant,
    TenantStatus,
)
from webapp.services import after_capture, runs, schedules, work

MADE = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DUE = datetime(2026, 7, 2, 0, 0, tzinfo=UTC)  # 02:00 in Berlin
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def set_clock(monkeypatch):
    set_to = stopped(monkeypatch)
    set_to(MADE)
    return set_to


@pytest.fixture
def schedule(enter, website, set_clock) -> BackupSchedule:
    made = nightly(enter(), website, timezone="Europe/Berlin")
    set_clock(DUE)
    return made


@pytest.fixture
def run_due(schedule, work_off):
    """Dispatch the slot of this minute, work it off, and give the newest slot."""

    def run_due(at: datetime = DUE) -> BackupScheduleRun:
        schedules.dispatch(at=at)
        work_off()
        return slots(schedule)[-1]

    return run_due


def test_a_slot_ends_with_one_set_and_all_three_know_each_other(schedule, run_due):
    slot = run_due()

    made = db.session.scalars(select(BackupSet)).one()
    assert (slot.status, slot.backup_set_id, slot.run_id) == ("success", made.id, made.run_id)
    assert slot.finished_at is not None
    assert slot.summary["files_backed_up"] == 6
    assert slot.summary["type_breakdown"] == {"tree": 1}


def test_the_set_is_named_after_schedule_and_slot_in_the_schedules_zone(schedule, run_due):
    run_due()

    assert db.session.scalars(select(BackupSet.name)).one() == "nightly - 2026-07-02 02:00"


def test_the_schedule_knows_its_last_run_and_its_next(schedule, run_due):
    run_due()

    row = now_is(schedule)
    assert (row.last_run_at, row.last_run_status) == (DUE, SlotStatus.SUCCESS)
    assert row.next_run_at == DUE + DAY


def test_a_slot_that_made_no_set_has_failed(schedule, run_due, www):
    shutil.rmtree(www)
    www.mkdir()

    slot = run_due()

    assert (slot.status, slot.error_code, slot.backup_set_id) == ("failed", "nothing_found", None)
    assert now_is(schedule).last_run_status is SlotStatus.FAILED


def test_a_slot_whose_source_is_gone_has_failed_and_says_why(schedule, run_due, www):
    shutil.rmtree(www)

    slot = run_due()

    assert slot.status is SlotStatus.FAILED
    assert slot.error_code
    assert slot.error_message


def test_a_capture_that_shrank_makes_the_slot_partial(schedule, run_due, www, set_clock):
    for number in range(40):
        (www / f"more{number}.html").write_text("more")
    run_due()
    for page in www.glob("more*.html"):
        page.unlink()
    set_clock(DUE + DAY)

    slot = run_due(DUE + DAY)

    assert slot.status is SlotStatus.PARTIAL
    assert slot.backup_set_id is not None
    assert slot.summary["warnings"]


def test_a_run_canceled_while_it_waits_cancels_its_slot(schedule, enter):
    schedules.dispatch(at=DUE)
    (slot,) = slots(schedule)

    runs.cancel(enter("olga"), slot.run_id)

    (slot,) = slots(schedule)
    assert slot.status is SlotStatus.CANCELED
    assert now_is(schedule).last_run_status is SlotStatus.CANCELED


def test_when_the_run_ends_the_next_slot_is_free_again(schedule, run_due, set_clock):
    run_due()
    set_clock(DUE + DAY)

    slot = run_due(DUE + DAY)

    assert (slot.scheduled_for, slot.status) == (DUE + DAY, SlotStatus.SUCCESS)
    assert db.session.scalar(select(func.count()).select_from(BackupSet)) == 2


def test_a_tenant_suspended_while_the_run_waits_skips_the_slot(schedule, work_off):
    schedules.dispatch(at=DUE)
    db.session.execute(update(Tenant).values(status=TenantStatus.SUSPENDED))
    db.session.commit()

    work_off()

    (slot,) = slots(schedule)
    assert (slot.status, slot.error_code) == (SlotStatus.SKIPPED, "tenant_not_active")
    assert again(slot.run).status is RunState.FAILED


def test_a_live_restore_that_begins_while_the_run_waits_skips_the_slot(schedule, website, work_off):
    schedules.dispatch(at=DUE)
    facts = {"status": RunState.RUNNING, "metadata_": {"holds": [website.config["path"]]}}
    factories.run(website, run_type=RunType.RESTORE, **facts)
    db.session.commit()

    work_off()

    assert slots(schedule)[0].error_code == "restore_running"


def test_a_schedule_archived_while_its_run_waits_is_not_captured(schedule, enter, work_off):
    schedules.dispatch(at=DUE)
    schedules.archive(enter(), schedule.id)

    work_off()

    assert slots(schedule)[0].error_code == "schedule_archived"
    assert db.session.scalar(select(func.count()).select_from(BackupSet)) == 0


@pytest.mark.parametrize(
    ("known", "status", "sets"),
    [(("a", "b"), "success", 1), (("a",), "partial", 1), (("z",), "skipped", 0)],
    ids=["all known", "one unknown", "none known"],
)
def test_policy_types_that_are_not_known_any_more(
    enter, website, set_clock, monkeypatch, work_off, known, status, sets
):
    def kind_with(*types: str) -> None:
        kind = type("Policies", (FilesConnector,), {"policy_types": types})
        monkeypatch.setattr(registry, "KINDS", {**registry.KINDS, "files": kind})

    kind_with("a", "b")
    made = nightly(enter(), website, policy_types=("a", "b"))
    kind_with(*known)

    schedules.dispatch(at=datetime(2026, 7, 2, 2, 0, tzinfo=UTC))
    work_off()

    (slot,) = slots(made)
    assert slot.status == status
    assert slot.summary["unknown_policy_types"] == [t for t in ("a", "b") if t not in known]
    assert db.session.scalar(select(func.count()).select_from(BackupSet)) == sets


def test_an_operator_runs_a_schedule_now_and_a_viewer_does_not(schedule, enter, work_off):
    slot, run, is_new = schedules.run_now(enter("olga"), schedule.id)

    assert (slot.trigger, slot.scheduled_for, is_new) == (Trigger.RUN_NOW, DUE, True)
    assert run.requested_by == "olga@example.com"
    with pytest.raises(Forbidden):
        schedules.run_now(enter("bob"), schedule.id)
    work_off()
    assert slots(schedule)[0].status is SlotStatus.SUCCESS


def test_run_now_during_a_run_is_that_run(schedule, enter):
    first, run, _ = schedules.run_now(enter("olga"), schedule.id)

    second, same, is_new = schedules.run_now(enter("alice"), schedule.id)

    assert (second.id, same.id, is_new) == (first.id, run.id, False)


def test_run_now_in_the_minute_of_a_slot_takes_the_next_one(schedule, run_due, enter, set_clock):
    run_due()

    slot, _, is_new = schedules.run_now(enter("olga"), schedule.id)

    assert (slot.scheduled_for, is_new) == (DUE + MINUTE, True)


def test_run_now_leaves_an_audit_entry(schedule, enter):
    _, run, _ = schedules.run_now(enter("olga"), schedule.id)

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "schedule.dispatched")
    ).one()
    assert (entry.actor, entry.resource) == ("olga@example.com", f"run:{run.id}")
    assert entry.details["trigger"] == "run_now"


def test_an_archived_schedule_is_not_run_now(schedule, enter):
    schedules.archive(enter(), schedule.id)

    with pytest.raises(Conflict):
        schedules.run_now(enter("olga"), schedule.id)


def test_who_lost_the_right_before_the_work_begins_gets_no_backup(schedule, enter, work_off):
    schedules.run_now(enter("olga"), schedule.id)
    olga = factories.user_called("olga")
    db.session.execute(
        update(Membership).where(Membership.user_id == olga.id).values(role=Role.VIEWER)
    )
    db.session.commit()

    work_off()

    (slot,) = slots(schedule)
    assert (slot.status, slot.error_code) == ("failed", "not_allowed_any_more")


def test_a_failed_slot_is_retried_in_a_slot_of_its_own(schedule, run_due, enter, www, work_off):
    shutil.rmtree(www)
    failed = run_due()
    www.mkdir()
    (www / "back.html").write_text("again")

    slot, run, is_new = schedules.retry(enter("olga"), failed.id)
    work_off()

    assert (slot.trigger, run.parent_run_id, is_new) == (Trigger.RETRY, failed.run_id, True)
    assert [one.status for one in slots(schedule)] == [SlotStatus.FAILED, SlotStatus.SUCCESS]


def test_a_skipped_slot_can_be_retried_and_one_that_succeeded_cannot(schedule, run_due, enter):
    slot = run_due()
    with pytest.raises(Conflict):
        schedules.retry(enter("olga"), slot.id)
    schedules.pause(enter(), schedule.id, DUE + DAY + MINUTE, "closed")
    schedules.dispatch(at=DUE + DAY)
    skipped = slots(schedule)[-1]

    again, _, is_new = schedules.retry(enter("olga"), skipped.id)

    assert (again.trigger, is_new) == (Trigger.RETRY, True)


def test_a_run_that_is_retried_from_its_own_page_has_a_slot_too(
    schedule, run_due, enter, www, work_off
):
    shutil.rmtree(www)
    failed = run_due()
    www.mkdir()
    (www / "back.html").write_text("again")

    run, _ = runs.retry(enter("olga"), failed.run_id)
    work_off()

    newest = slots(schedule)[-1]
    assert (newest.run_id, newest.trigger, newest.status) == (run.id, "retry", "success")


def test_the_history_is_newest_first_and_goes_on(schedule, enter):
    for day in range(4):
        schedules.dispatch(at=DUE + day * DAY)

    newest = schedules.history(enter("bob"), schedule.id, limit=2)
    older = schedules.history(enter("bob"), schedule.id, before=newest[-1].scheduled_for)

    assert [slot.scheduled_for for slot in [*newest, *older]] == [
        DUE + day * DAY for day in (3, 2, 1, 0)
    ]


def test_a_neighbour_sees_no_slot_and_retries_none(schedule, run_due, enter):
    slot = run_due()
    charlie = enter("charlie", tenant="globex", to=Permission.OPERATE)

    for act in (schedules.find_slot, schedules.retry):
        with pytest.raises(Forbidden):
            act(charlie, slot.id)


def test_what_follows_a_set_is_called_once_it_is_there_and_cannot_harm_it(
    schedule, run_due, monkeypatch
):
    called = []

    def fails(*_ids):
        raise RuntimeError("out of order")

    monkeypatch.setattr(after_capture, "HOOKS", (fails, lambda *ids: called.append(ids)))

    slot = run_due()

    assert slot.status is SlotStatus.SUCCESS
    assert called == [(schedule.id, schedule.tenant_id)]


def test_nothing_follows_a_slot_without_a_set(schedule, run_due, monkeypatch, www):
    called = []
    monkeypatch.setattr(after_capture, "HOOKS", (lambda *ids: called.append(ids),))
    shutil.rmtree(www)

    run_due()

    assert called == []


def test_a_slot_delivered_twice_makes_one_set(schedule):
    schedules.dispatch(at=DUE)
    (slot,) = slots(schedule)

    for owner in ("one", "two"):
        work.carry_out(slot.run_id, owner=owner)

    assert db.session.scalar(select(func.count()).select_from(BackupSet)) == 1
    captures = select(func.count()).where(Run.run_type == RunType.CAPTURE)
    assert db.session.scalar(captures) == 1


def test_retention_of_the_schedule_follows_as_a_run_of_its_own(schedule, run_due, set_clock):
    schedule.retention_keep_last = 2
    db.session.commit()

    for day in range(4):
        set_clock(DUE + day * DAY)
        run_due(DUE + day * DAY)

    after = select(Run.status).where(Run.action == "retention")
    assert list(db.session.scalars(after)) == [RunState.SUCCEEDED] * 4
    made = [slot.backup_set_id for slot in slots(schedule)]
    living = select(BackupSet.id).where(BackupSet.deleted_at.is_(None))
    assert set(db.session.scalars(living)) == set(made[2:])


def test_what_follows_a_set_leaves_no_transaction_open(schedule, run_due, monkeypatch):
    slot = run_due()
    run_id = slot.run_id
    monkeypatch.setattr(after_capture, "HOOKS", (lambda *_ids: db.session.get(Run, run_id),))

    after_capture.ran(run_id)

    assert not db.session().in_transaction()
