"""Deleting by hand, bringing back, and holding."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import factories
from tests.services.retention.conftest import PARTIAL, acts, living, row
from webapp import clock
from webapp.domain.restore_points import BackupType
from webapp.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models import AuditEntry, BackupItem, BackupSet, Source
from webapp.services import retention, sets


def test_a_manager_deletes_a_set_with_a_reason(enter, night):
    night(0)
    old = night(1)

    retention.delete(enter("alice"), old.id, reason="the customer asked")

    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "set.deleted")).one()
    assert old.id not in living()
    assert row(old.id).deleted_by_rule == "Deleted by alice@example.com: the customer asked"
    assert entry.actor == "alice@example.com"


def test_a_reason_is_needed(enter, night):
    night(0)
    old = night(1)

    with pytest.raises(Invalid):
        retention.delete(enter("alice"), old.id, reason="  ")


@pytest.mark.parametrize("person", ["olga", "bob", "pete", "audrey"])
def test_smaller_roles_delete_hold_and_bring_back_nothing(enter, night, person):
    night(0)
    old = night(1)

    for act in (retention.delete, retention.hold, retention.release):
        with pytest.raises(Forbidden):
            act(enter(person), old.id, reason="because")
    with pytest.raises(Forbidden):
        retention.undelete(enter(person), old.id)


@pytest.mark.parametrize("mark", [{"pinned": True}, {"on_hold": "case 4711"}], ids=str)
def test_what_is_pinned_or_on_hold_is_not_deleted_by_hand_either(enter, night, mark):
    night(0)
    old = night(1, **mark)

    with pytest.raises(Conflict):
        retention.delete(enter("alice"), old.id, reason="because")


def test_what_an_open_plan_needs_is_not_deleted(enter, night):
    night(0)
    factories.plan(old := night(1))
    db.session.commit()

    with pytest.raises(Conflict, match="open restore plan"):
        retention.delete(enter("alice"), old.id, reason="because")


def test_the_newest_complete_one_goes_only_when_its_source_is_gone(enter, night, website):
    old, newest = night(2), night(1)
    night(0, **PARTIAL)
    with pytest.raises(Refused) as refused:
        retention.delete(enter("alice"), newest.id, reason="because")
    retention.delete(enter("alice"), old.id, reason="because")
    db.session.execute(update(Source).values(removed_at=clock.now()))
    db.session.commit()

    retention.delete(enter("alice"), newest.id, reason="because")

    assert refused.value.code == "last_complete"
    assert newest.id not in living()


def test_one_of_another_type_is_no_stand_in(enter, night):
    newest = night(1)
    night(0, backup_type=BackupType.DB)

    with pytest.raises(Refused):
        retention.delete(enter("alice"), newest.id, reason="because")


def test_what_was_deleted_comes_back_with_its_items_and_no_rule_takes_it_again(
    enter, night, retain
):
    made = [night(days_ago) for days_ago in range(3)]
    retain()

    retention.undelete(enter("alice"), made[2].id)
    retain()

    found = row(made[2].id)
    hidden = select(BackupItem).where(BackupItem.deleted_at.is_not(None))
    assert found.id in living()
    assert (found.pinned, found.deleted_by_rule) == (True, "")
    assert db.session.scalars(hidden).all() == []
    assert "set.undeleted" in acts()


def test_what_is_not_in_the_trash_is_not_brought_back(enter, night):
    made = night(0)

    with pytest.raises(Conflict):
        retention.undelete(enter("alice"), made.id)


def test_what_was_given_up_is_not_brought_back(enter, night):
    made = night(1, deleted_at=clock.now(), purged_at=clock.now())

    with pytest.raises(Conflict, match="no longer kept"):
        retention.undelete(enter("alice"), made.id)


def test_a_neighbours_set_is_not_there(enter, night):
    made = night(1, deleted_at=clock.now())

    with pytest.raises(Forbidden):
        retention.undelete(enter("charlie", tenant="globex"), made.id)


def test_the_trash_tells_until_when_each_can_be_brought_back(enter, night):
    at = clock.now() - timedelta(days=2)
    older = night(9, deleted_at=at - timedelta(days=1))
    newer = night(8, deleted_at=at)
    night(7)
    night(20, deleted_at=at, purged_at=at)

    found = retention.rows(enter("bob"))

    assert [one.id for one in found] == [newer.id, older.id]
    assert retention.kept_until(found[0]) == at + timedelta(days=7)
    assert retention.count(enter("bob")) == 2


def test_a_hold_and_its_end_are_in_the_audit_log(enter, night):
    made = night(0)

    retention.hold(enter("alice"), made.id, reason="case 4711")
    held = sets.find(enter("bob"), made.id).on_hold
    retention.release(enter("alice"), made.id, reason="closed")

    assert held == "case 4711"
    assert row(made.id).on_hold == ""
    assert acts()[-2:] == ["set.held", "set.released"]


def test_what_is_not_held_is_not_released(enter, night):
    with pytest.raises(Conflict):
        retention.release(enter("alice"), night(0).id)


def test_what_lies_in_the_trash_is_gone_for_everything_else(enter, night):
    gone = night(1, deleted_at=clock.now())

    with pytest.raises(NotFound):
        sets.find(enter("bob"), gone.id)
    with pytest.raises(NotFound):
        retention.hold(enter("alice"), gone.id, reason="because")
    assert gone.id not in {one.id for one in sets.rows(enter("bob"))}


@pytest.mark.parametrize(
    ("hand_days", "pre_restore_days", "field"),
    [(0, 30, "hand_days"), (None, 29, "pre_restore_days"), (10_001, 30, "hand_days")],
)
def test_days_that_make_no_sense_are_refused(enter, hand_days, pre_restore_days, field):
    with pytest.raises(Invalid) as problem:
        retention.choose(enter("alice"), hand_days=hand_days, pre_restore_days=pre_restore_days)

    assert list(problem.value.fields) == [field]


def test_the_choice_of_days_is_in_the_audit_log(enter):
    retention.choose(enter("alice"), hand_days=365, pre_restore_days=60)

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "retention.changed")
    ).one()
    assert entry.details == {
        "before": {},
        "after": {"hand_days": 365, "pre_restore_days": 60},
    }
    assert retention.own_rules(enter().tenant).hand_days == 365
    assert db.session.scalars(select(BackupSet)).all() == []
