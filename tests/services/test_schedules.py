"""Schedules as rows: made, changed, paused, archived."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests import factories
from tests.services.scheduling import draft, nightly, now_is, stopped
from webapp import clock
from webapp.connectors import registry
from webapp.connectors.files import FilesConnector
from webapp.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.extensions import db
from webapp.models import AuditEntry, BackupSchedule
from webapp.services import schedules, sources

AT = datetime(2026, 3, 28, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def set_clock(monkeypatch):
    set_to = stopped(monkeypatch)
    set_to(AT)
    return set_to


def acts(schedule: BackupSchedule) -> list[str]:
    query = select(AuditEntry.action).where(AuditEntry.resource == f"schedule:{schedule.id}")
    return list(db.session.scalars(query.order_by(AuditEntry.seq)))


def test_a_new_schedule_knows_when_it_runs_next(enter, website, set_clock):
    made = nightly(enter("alice"), website, time_of_day="02:30", timezone="Europe/Berlin")

    assert made.next_run_at == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)  # none on the 29th
    assert (made.version, made.is_enabled, made.created_by) == (1, True, "alice@example.com")
    assert acts(made) == ["schedule.created"]


def test_a_schedule_made_in_its_own_minute_waits_for_the_next_day(enter, website, set_clock):
    made = nightly(enter("alice"), website, time_of_day="12:00")

    assert made.next_run_at == datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["olga", "pete", "bob", "audrey"])
def test_only_a_manager_makes_a_schedule(enter, website, name):
    with pytest.raises(Forbidden):
        nightly(enter(name), website)


@pytest.mark.parametrize("act", ["enable", "disable", "archive"])
def test_only_a_manager_changes_a_schedule(enter, website, act):
    made = nightly(enter(), website)

    with pytest.raises(Forbidden):
        getattr(schedules, act)(enter("olga"), made.id)


def test_a_neighbour_cannot_see_a_schedule_or_tell_it_from_none(enter, website):
    made = nightly(enter(), website)
    charlie = enter("charlie", tenant="globex")

    for schedule_id in (made.id, uuid4()):
        with pytest.raises(Forbidden, match=r"^You may not see or do this\.$"):
            schedules.find(charlie, schedule_id)


def test_a_neighbours_source_cannot_be_scheduled(enter, website):
    with pytest.raises(Forbidden):
        nightly(enter("charlie", tenant="globex"), website)


def test_a_removed_source_cannot_be_scheduled(enter, website):
    sources.remove(enter(), website.id, "moved")

    with pytest.raises(NotFound):
        nightly(enter(), website)


def test_removing_a_source_archives_its_schedules(enter, website):
    made = nightly(enter(), website)

    sources.remove(enter(), website.id, "moved")

    assert now_is(made).archived_at is not None
    assert now_is(made).next_run_at is None
    assert acts(made)[-1] == "schedule.archived"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"timezone": "Europe/Atlantis"}, "timezone"),
        ({"frequency": "cron", "cron": "0 0 30 2 *"}, "cron"),
        ({"frequency": "weekly"}, "days_of_week"),
        ({"retention_keep_last": 0}, "retention_keep_last"),
        ({"policy_types": ("deviceConfiguration",)}, "policy_types"),
        ({"backup_type": "policies"}, "backup_type"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_made(enter, website, facts, field):
    with pytest.raises(Invalid) as error:
        nightly(enter(), website, **facts)

    assert list(error.value.fields) == [field]
    assert schedules.list_for(enter()) == []


def test_a_source_with_policies_needs_at_least_one_known_type(enter, website, monkeypatch):
    kind = type("Policies", (FilesConnector,), {"policy_types": ("deviceConfiguration",)})
    monkeypatch.setattr(registry, "KINDS", {**registry.KINDS, "files": kind})

    for types in ((), ("strange",)):
        with pytest.raises(Invalid) as error:
            nightly(enter(), website, policy_types=types)
        assert list(error.value.fields) == ["policy_types"]
    assert nightly(enter(), website, policy_types=("deviceConfiguration",)).policy_types


def test_the_second_of_two_who_edit_at_once_is_told(enter, website):
    made = nightly(enter(), website)
    schedules.edit(enter(), made.id, draft(time_of_day="03:00"), version=1)

    with pytest.raises(Conflict, match="Somebody else changed this schedule"):
        schedules.edit(enter("alice"), made.id, draft(time_of_day="04:00"), version=1)

    assert (now_is(made).time_of_day, now_is(made).version) == ("03:00", 2)


@pytest.mark.parametrize(
    "act",
    [
        lambda access, id_: schedules.disable(access, id_),
        lambda access, id_: schedules.enable(access, id_),
        lambda access, id_: schedules.pause(access, id_, clock.now() + timedelta(1), "closed"),
        lambda access, id_: schedules.pause(access, id_, None, ""),
    ],
    ids=["disable", "enable", "pause", "resume"],
)
def test_who_has_it_open_is_told_of_whatever_was_done_to_it(enter, website, act):
    made = nightly(enter(), website)

    act(enter("alice"), made.id)

    assert now_is(made).version == 2
    with pytest.raises(Conflict, match="Somebody else changed this schedule"):
        schedules.edit(enter(), made.id, draft(time_of_day="04:00"), version=1)


def test_archiving_counts_as_a_change_too(enter, website):
    one, other = nightly(enter(), website), nightly(enter(), website, name="other")

    schedules.archive(enter("alice"), one.id)
    sources.remove(enter("alice"), website.id, "moved")

    assert [now_is(one).version, now_is(other).version] == [2, 2]


def test_an_edit_of_the_time_begins_anew_and_its_audit_entry_says_what_changed(
    enter, website, set_clock
):
    made = nightly(enter(), website)
    set_clock(AT + timedelta(days=3))

    schedules.edit(enter(), made.id, draft(time_of_day="03:00", missed="once"), version=1)

    assert now_is(made).next_run_at == datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc())).first()
    assert entry.details["before"] == {"time_of_day": "02:00", "missed": "skip"}
    assert entry.details["after"] == {"time_of_day": "03:00", "missed": "once"}


def test_an_edit_of_the_name_alone_forgets_no_slot(enter, website, set_clock):
    made = nightly(enter(), website)
    set_clock(AT + timedelta(days=3))

    schedules.edit(enter(), made.id, draft(name="other"), version=1)

    assert now_is(made).next_run_at == datetime(2026, 3, 29, 2, 0, tzinfo=UTC)


def test_a_draft_of_a_schedule_is_what_made_it(enter, website):
    said = draft(frequency="weekly", days_of_week=(5, 1), retention={"weekly": 8})

    made = schedules.create(enter(), website.id, said)

    assert schedules.draft_of(made) == replace(said, days_of_week=(1, 5))


def test_a_schedule_enabled_again_has_missed_nothing(enter, website, set_clock):
    made = nightly(enter(), website)
    schedules.disable(enter("alice"), made.id)
    assert now_is(made).next_run_at is None
    set_clock(AT + timedelta(days=3))

    schedules.enable(enter("alice"), made.id)

    assert now_is(made).next_run_at == datetime(2026, 4, 1, 2, 0, tzinfo=UTC)
    assert acts(made) == ["schedule.created", "schedule.disabled", "schedule.enabled"]


@pytest.mark.parametrize(
    ("after", "reason", "field"),
    [(timedelta(hours=-1), "closed", "until"), (timedelta(hours=1), " ", "reason")],
)
def test_a_pause_needs_a_reason_and_an_end_to_come(enter, website, set_clock, after, reason, field):
    made = nightly(enter(), website)

    with pytest.raises(Invalid) as error:
        schedules.pause(enter(), made.id, AT + after, reason)

    assert list(error.value.fields) == [field]


def test_a_pause_can_be_ended(enter, website):
    made = nightly(enter(), website)
    schedules.pause(enter(), made.id, datetime(2999, 1, 1, tzinfo=UTC), "closed")

    schedules.pause(enter(), made.id, None, "")

    assert now_is(made).paused_until is None
    assert acts(made)[-2:] == ["schedule.paused", "schedule.resumed"]


def test_an_archived_schedule_changes_no_more_and_leaves_the_list(enter, website):
    made = nightly(enter(), website)

    schedules.archive(enter(), made.id)

    assert schedules.list_for(enter()) == []
    assert [one.id for one in schedules.list_for(enter(), archived=True)] == [made.id]
    with pytest.raises(Conflict):
        schedules.enable(enter(), made.id)


def test_a_schedule_is_found_by_name_or_id_and_not_by_a_name_that_two_have(enter, website):
    made = nightly(enter(), website)

    assert schedules.called(enter(), "nightly").id == made.id
    assert schedules.called(enter(), str(made.id)).id == made.id
    with pytest.raises(Forbidden):
        schedules.called(enter(), "weekly")
    schedules.create(enter(), website.id, draft())
    with pytest.raises(Conflict, match="Use the id"):
        schedules.called(enter(), "nightly")


def test_schedules_can_be_listed_by_source(enter, website):
    nightly(enter(), website)
    other = factories.source(factories.tenant_called("acme"))

    assert len(schedules.list_for(enter(), source_id=website.id)) == 1
    assert schedules.list_for(enter(), source_id=other.id) == []
