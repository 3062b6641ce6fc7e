"""The list of what is unprotected or overdue: of one tenant, and of all one's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from tests import factories
from webapp import clock
from webapp.domain.exposure import Exposure, Help
from webapp.domain.permissions import Permission, Role
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Membership, Source, TenantStatus
from webapp.services import access as gate
from webapp.services import unprotected

pytestmark = pytest.mark.usefixtures("people", "context")

NOW = clock.now()
HOUR = timedelta(hours=1)


def source(name: str, *, age=None, tenant: str = "acme", schedule=None, **facts) -> Source:
    """A source with a restore point of that age, and a nightly schedule as *schedule* says."""
    made = factories.source(factories.tenant_called(tenant), name=name, **facts)
    if age is not None:
        factories.backup_set(factories.run(made), finished_at=NOW - age)
    if schedule is not None:
        factories.schedule(made, **schedule)
    db.session.commit()
    return made


def actor(name: str):
    return gate.actor_called(f"{name}@example.com")


def listed(name: str = "root", **part):
    return unprotected.everywhere(actor(name), at=NOW, **part)


def told(found) -> list[tuple[str, str]]:
    return [(row.name, str(row.exposure)) for row in found.rows]


def test_the_most_urgent_come_first_and_what_is_well_is_left_out():
    source("fine", age=HOUR, schedule={})
    source("bare", age=HOUR)
    source("old", age=30 * HOUR, schedule={})
    source("older", age=60 * HOUR, schedule={})
    source("new", schedule={})

    found = listed()

    assert told(found) == [
        ("new", "never"), ("older", "overdue"), ("old", "overdue"), ("bare", "unscheduled")
    ]  # fmt: skip
    assert found.counts == {"never": 1, "overdue": 2, "unscheduled": 1}
    assert (found.total, found.sources) == (4, 5)


def test_how_far_past_its_target_counts_not_the_age():
    source("slow", age=60 * HOUR, schedule={}, recovery_point_minutes=50 * 60)
    source("quick", age=30 * HOUR, schedule={}, recovery_point_minutes=60)

    assert [row.name for row in listed().rows] == ["quick", "slow"]


@pytest.mark.parametrize(
    ("schedule", "is_listed"),
    [
        ({}, False),
        ({"is_enabled": False}, True),
        ({"paused_until": NOW + HOUR}, True),
        ({"paused_until": NOW - HOUR}, False),
        ({"archived_at": NOW}, True),
        ({"next_run_at": None}, True),
        ({"backup_type": BackupType.DB}, True),
    ],
    ids=["on", "off", "paused", "pause over", "archived", "never again", "a part"],
)
def test_only_a_schedule_that_works_and_captures_all_of_it_counts(schedule, is_listed):
    source("site", age=HOUR, kind="site", schedule=schedule)

    assert told(listed()) == [("site", "unscheduled")] * is_listed


def test_a_neighbours_and_a_strangers_are_not_listed():
    source("own")
    source("theirs", tenant="globex")

    assert [row.name for row in listed("alice").rows] == ["own"]
    assert [row.name for row in listed("charlie").rows] == ["theirs"]
    assert [row.name for row in listed("root").rows] == ["own", "theirs"]
    one = unprotected.of_tenant(gate.enter(actor("root"), "globex", Permission.VIEW), at=NOW)
    assert [row.name for row in one.rows] == ["theirs"]
    assert (one.total, one.sources) == (1, 1)


def test_removed_sources_and_those_of_customers_at_rest_are_not_listed():
    source("gone", removed_at=NOW)
    source("resting", tenant="globex")
    factories.tenant_called("globex").status = TenantStatus.SUSPENDED
    db.session.commit()

    assert told(listed()) == []
    globex = gate.enter(actor("charlie"), "globex", Permission.VIEW)
    assert told(unprotected.of_tenant(globex, at=NOW)) == [("resting", "never")]


@pytest.mark.parametrize(
    ("person", "offered"),
    [
        ("alice", (Help.CAPTURE, Help.LOOK, Help.ADD_SCHEDULE)),
        ("olga", (Help.CAPTURE, Help.LOOK)),
        ("bob", (Help.LOOK,)),
        ("root", (Help.CAPTURE, Help.LOOK, Help.ADD_SCHEDULE)),
    ],
)
def test_only_what_a_person_may_do_is_offered(person, offered):
    failed = factories.run(source("shop"), status=RunState.FAILED, failure_reason="No route.")
    db.session.commit()

    (row,) = listed(person).rows

    assert row.helps == offered
    assert row.run_id == failed.id
    assert row.why == (
        "No complete restore point: the last capture failed. No route. No schedule captures it."
    )


def test_nothing_is_started_where_a_customer_rests():
    source("resting")
    factories.tenant_called("acme").status = TenantStatus.SUSPENDED
    db.session.commit()

    (row,) = unprotected.of_tenant(gate.enter(actor("alice"), "acme", Permission.VIEW), at=NOW).rows

    assert row.helps == ()


def test_a_capture_under_way_is_what_there_is_to_watch():
    made = source("shop", schedule={})
    factories.run(made, status=RunState.FAILED)
    live = factories.run(made, status=RunState.RUNNING)
    db.session.commit()

    (row,) = listed().rows

    assert (row.helps, row.run_id, row.is_running) == ((Help.WATCH,), live.id, True)


def test_a_paused_schedule_is_what_there_is_to_open():
    made = source("shop", age=30 * HOUR)
    paused = factories.schedule(made, name="Nightly", paused_until=NOW + 99 * HOUR)
    factories.schedule(made, is_enabled=False)
    db.session.commit()

    (row,) = listed().rows

    assert row.helps == (Help.CAPTURE, Help.OPEN_SCHEDULE)
    assert row.schedule_id == paused.id
    assert "Nightly is paused until" in row.why


def test_a_person_in_two_tenants_has_the_rights_of_each():
    source("own")
    source("theirs", tenant="globex")
    db.session.add(
        Membership(
            tenant_id=factories.tenant_called("globex").id,
            user_id=factories.user_called("alice").id,
            role=Role.VIEWER,
        )
    )
    db.session.commit()

    assert {row.name: row.helps for row in listed("alice").rows} == {
        "own": (Help.CAPTURE, Help.ADD_SCHEDULE), "theirs": ()
    }  # fmt: skip


def test_a_page_is_a_part_and_counts_all():
    for number in range(5):
        source(f"s{number}")

    part = listed(offset=3, limit=2)

    assert [row.name for row in part.rows] == ["s3", "s4"]
    assert (part.total, part.sources) == (5, 5)
    assert len(listed(limit=None).rows) == 5


def test_many_are_looked_up_in_parts(monkeypatch):
    monkeypatch.setattr(unprotected, "_AT_ONCE", 2)
    for number in range(5):
        source(f"s{number}", tenant="acme" if number % 2 else "globex")

    assert sorted(row.name for row in listed().rows) == ["s0", "s1", "s2", "s3", "s4"]


@pytest.mark.parametrize("person", ["root", "alice"])
def test_more_sources_need_no_more_queries(person):
    def queries() -> int:
        db.session.rollback()
        who, seen = actor(person), []
        event.listen(db.engine, "before_cursor_execute", lambda *facts: seen.append(facts))
        unprotected.everywhere(who, at=NOW)
        return len(seen)

    source("first", schedule={"is_enabled": False})
    few = queries()
    for number in range(20):
        source(f"s{number}", age=30 * HOUR, schedule={"is_enabled": False})

    assert queries() <= few


def test_a_document_says_the_same():
    source("shop", age=30 * HOUR, schedule={})

    document = unprotected.as_document(listed().rows[0])

    assert (document["tenant"], document["source"]) == ("acme", "shop")
    assert (document["exposure"], document["target_minutes"]) == (Exposure.OVERDUE, 1440)
    assert document["newest_good_at"] == NOW - 30 * HOUR
