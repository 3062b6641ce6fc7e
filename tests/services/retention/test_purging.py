"""The clean-up: what was in the trash for 7 days is given up, and the vault freed. All real."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from tests import factories
from tests.services.retention.conftest import acts, in_vault, long_in_trash, moved, row
from webapp import clock
from webapp.domain.runs import RunState
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupSet, Run, RunItem, Source, VaultRecord
from webapp.services import claims, retention, runs, sets, vaults, work
from webapp.services.retention import purge_ends, purging
from webapp.vault import Vault


@pytest.fixture
def nights(capture, schedule) -> list:
    """Five nights of the schedule, newest first, each with 100 kB of its own."""
    made = [capture(number, of=schedule) for number in range(5)]
    for days_ago, set_id in enumerate(reversed(made)):
        moved(set_id, clock.now() - timedelta(days=days_ago))
    return made[::-1]


@pytest.fixture
def deleted(nights, retain) -> list:
    """The three older ones are in the trash, and have been for a week."""
    retain()
    long_in_trash(*nights[2:])
    return nights[2:]


@pytest.fixture
def at_once(monkeypatch) -> None:
    """Nobody reads: what a prune finds to be of no use goes with the same prune."""
    monkeypatch.setattr(purge_ends, "GRACE_DAYS", 0.0)


def snapshots(*set_ids) -> set[str]:
    return {one for set_id in set_ids for one in row(set_id).snapshot_ids}


def test_what_was_in_the_trash_for_a_week_leaves_the_vault(nights, deleted, purge, enter):
    gone = snapshots(*deleted)

    run = purge()

    assert run.status is RunState.SUCCEEDED
    assert all(row(one).purged_at for one in deleted)
    assert in_vault(run.tenant_id) == snapshots(*nights[:2])
    assert gone.isdisjoint(in_vault(run.tenant_id))
    assert acts().count("set.purged") == 3


def test_the_vault_does_not_keep_it_for_a_second_week(nights, deleted, purge, enter):
    purge()

    with vaults.opened(enter().tenant.id) as vault:
        assert vault.forgotten() == []


def test_what_somebody_forgot_in_the_vault_itself_can_yet_be_brought_back(
    nights, deleted, purge, enter, capture
):
    stray = capture(9)
    tenant_id, snapshot_id = enter().tenant.id, row(stray).snapshot_ids[0]
    capture(10)
    with vaults.opened(tenant_id) as vault:
        vault.forget(snapshots=[snapshot_id])

    purge()

    with vaults.opened(tenant_id) as vault:
        assert vault.unforget(snapshot_id).id == snapshot_id


def test_a_week_is_not_over_after_six_days(nights, retain, purge):
    retain()
    long_in_trash(*nights[2:], days=6.9)

    run = purge()

    assert [row(one).purged_at for one in nights[2:]] == [None] * 3
    assert snapshots(*nights) <= in_vault(run.tenant_id)


def test_what_came_back_stays_whole(nights, retain, purge, enter, work_off):
    retain()
    retention.undelete(enter("alice"), nights[4])
    long_in_trash(*nights[2:4])

    purge()
    run, _ = sets.verify(enter("olga"), nights[4])
    work_off()

    assert runs.find(enter(), run.id).status is RunState.SUCCEEDED


def test_what_is_left_is_whole_after_the_vault_was_freed(
    nights, deleted, purge, enter, work_off, at_once
):
    purge()

    for set_id in nights[:2]:
        run, _ = sets.verify(enter("olga"), set_id)
        work_off()
        assert runs.find(enter(), run.id).status is RunState.SUCCEEDED


def test_bytes_that_were_freed_are_told(nights, deleted, purge, enter, at_once, www):
    before = _stored(enter)

    run = purge(may_free_most=True)

    record = db.session.scalars(select(VaultRecord)).one()
    item = db.session.scalars(
        select(RunItem).where(RunItem.run_id == run.id, RunItem.item_key == "vault:")
    ).one()
    assert run.metadata_["freed_bytes"] > 0
    assert record.freed_bytes == run.metadata_["freed_bytes"]
    assert record.pruned_at is not None
    assert "freed." in item.message
    assert _stored(enter) <= before


def test_what_a_vault_holds_is_counted_anew(nights, deleted, purge, enter):
    db.session.execute(update(VaultRecord).values(stored_bytes=17))  # somebody miscounted
    db.session.commit()

    purge()

    with vaults.opened(enter().tenant.id) as vault:
        held = sum(one.size_bytes for one in vault.objects())
    assert db.session.scalars(select(VaultRecord.stored_bytes)).one() == held


def test_while_a_capture_goes_on_nothing_is_counted_twice(nights, deleted, purge, enter):
    db.session.execute(update(VaultRecord).values(stored_bytes=10**9))
    source = db.session.scalars(select(Source)).first()
    lease = clock.now() + timedelta(hours=1)
    factories.run(source, status=RunState.RUNNING, finished_at=None, lease_until=lease)
    db.session.commit()

    purge()

    assert db.session.scalars(select(VaultRecord.stored_bytes)).one() == 10**9


def _stored(enter) -> int:
    folder = vaults.folder(enter().tenant.id) / "packs"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_is_freed_later_is_told_and_asked_for_again(nights, deleted, purge, enter):
    run = purge(may_free_most=True)

    record = db.session.scalars(select(VaultRecord)).one()
    later = record.freed_later_bytes
    assert run.metadata_["freed_bytes"] == 0
    assert run.metadata_["freed_later_bytes"] == later > 200_000
    assert record.prune_again_at > clock.now() + timedelta(days=6)


def test_a_snapshot_that_another_set_needs_stays(nights, deleted, purge, enter):
    shared = list(row(deleted[0]).snapshot_ids)
    db.session.execute(
        update(BackupSet).where(BackupSet.id == nights[0]).values(snapshot_ids=shared)
    )
    db.session.commit()

    run = purge()

    assert set(shared) <= in_vault(run.tenant_id)


def test_what_is_held_in_the_vault_stays_and_the_run_says_so(nights, deleted, purge, enter):
    held = row(deleted[0]).snapshot_ids[0]
    with vaults.opened(enter().tenant.id) as vault:
        vault.hold(held, reason="a case")

    run = purge()

    assert run.status is RunState.PARTIAL
    assert "a case" in run.failure_reason
    assert held in in_vault(run.tenant_id)
    assert snapshots(*deleted[1:]).isdisjoint(in_vault(run.tenant_id))


def test_what_a_plan_needs_in_the_trash_is_not_given_up(nights, deleted, purge):
    factories.plan(row(deleted[0]))
    db.session.commit()

    purge()

    assert row(deleted[0]).purged_at is None
    assert row(deleted[1]).purged_at is not None


def test_the_last_sets_of_a_source_that_was_removed_go_altogether(nights, enter, purge, retain):
    db.session.execute(update(Source).values(removed_at=clock.now()))
    db.session.execute(update(BackupSchedule).values(archived_at=clock.now()))
    db.session.commit()
    for set_id in nights:
        retention.delete(enter("alice"), set_id, reason="the customer left")
    long_in_trash(*nights)

    run = purge(may_free_most=True)

    assert run.status is RunState.SUCCEEDED
    assert in_vault(run.tenant_id) == set()


def test_a_brake_of_the_vault_ends_the_run_truthfully_and_is_tried_again(
    nights, deleted, purge, monkeypatch
):
    def stops(self, **_details):
        raise purging.Halted("Nothing was condemned: it would be 70 % of the vault.")

    monkeypatch.setattr(Vault, "prune", stops)

    run = purge()

    record = db.session.scalars(select(VaultRecord)).one()
    assert (run.status, run.error_code) == (RunState.PARTIAL, "halted")
    assert "70 %" in run.failure_reason
    assert record.pruned_at is None
    assert record.prune_again_at > clock.now()


def test_to_free_more_than_half_is_for_managers(enter, nights):
    with pytest.raises(Forbidden):
        retention.purge(enter("olga"), may_free_most=True)


STEPS = ("forget", "prune")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_two_steps_it_goes_on_and_loses_nothing(
    nights, deleted, enter, monkeypatch, rings, step, when
):
    run, _ = retention.purge(enter())
    real = getattr(Vault, step)

    def dies(self, *arguments, **options):
        if when == "after":
            real(self, *arguments, **options)
        raise SystemExit  # as a kill: nothing behind it is carried out

    monkeypatch.setattr(Vault, step, dies)
    with pytest.raises(SystemExit):
        work.carry_out(run.id, owner="first")
    monkeypatch.setattr(Vault, step, real)
    _lease_over(run.id)
    work.carry_out(run.id, owner="second")

    found = runs.find(enter(), run.id)
    assert found.status is RunState.SUCCEEDED
    assert found.succeeded == 4  # three sets and the vault, each once
    assert in_vault(found.tenant_id) == snapshots(*nights[:2])
    assert acts().count("set.purged") == 3
    with vaults.opened(found.tenant_id) as vault:
        assert vault.verify(read_data=1.0).ok


def test_what_a_killed_run_gave_up_and_the_vault_did_not_hear_of_goes_with_the_next(
    nights, deleted, enter, purge
):
    db.session.execute(
        update(BackupSet).where(BackupSet.id.in_(deleted)).values(purged_at=clock.now())
    )
    db.session.commit()

    run = purge()

    assert run.status is RunState.SUCCEEDED
    assert in_vault(run.tenant_id) == snapshots(*nights[:2])


def _lease_over(run_id) -> None:
    db.session.rollback()
    db.session.get_one(Run, run_id).lease_until = clock.now() - timedelta(seconds=1)
    db.session.commit()
    claims._held.clear()


def test_nothing_is_pruned_where_there_is_no_vault(enter, work_off):
    run, _ = retention.purge(enter())
    work_off()

    found = runs.find(enter(), run.id)
    assert (found.status, found.error_code) == (RunState.FAILED, "not_a_vault")


@pytest.mark.parametrize(("days", "actions"), [(7.1, ["retention", "purge"]), (5, ["retention"])])
def test_a_clean_up_is_asked_for_when_the_trash_holds_what_is_over(
    nights, retain, rings, days, actions
):
    retain()
    long_in_trash(nights[-1], days=days)

    retention.ask_daily(clock.now() + timedelta(days=1, minutes=1))

    asked = [db.session.get_one(Run, UUID(run_id)).action for run_id in rings]
    assert asked == actions
