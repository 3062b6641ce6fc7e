"""Limits as people set them: who may, what is audited, and what picking makes of them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain.limits import Values
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.domain.windows import Window
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import db
from webapp.models import AuditEntry, Limit, Run
from webapp.services import limited_customers, limits, picking, runs

NIGHT = Window.parse("mon-fri@22:00-06:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def acme(enter):
    return limits.of_tenant(enter("alice"))


@pytest.fixture
def everything(enter):
    return limits.of_installation(enter("root").actor)


def audited(action: str) -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def waiting(tenant, **facts) -> Run:
    """A capture that is queued."""
    made = factories.run(
        factories.source(tenant), status=RunState.QUEUED, started_at=None, finished_at=None, **facts
    )
    db.session.commit()
    return made


def test_nothing_is_said_at_first(enter, acme):
    found = limits.overview(enter("bob"))

    assert limits.read(acme).is_empty
    assert (found.installation, found.tenant) == (limits.NOTHING, limits.NOTHING)
    assert found.hosts == {"": limits.NOTHING}


def test_what_is_set_is_read_again_and_audited(acme, enter):
    values = Values(bytes_per_second=10_000_000, windows=(NIGHT,))

    limits.change(acme, values)

    (entry,) = audited("limits.changed")
    assert limits.overview(enter("bob")).tenant.values == values
    assert (entry.actor, entry.resource) == ("alice@example.com", "limits:tenant")
    assert entry.tenant_id == acme.tenant.id
    assert entry.details["before"] == Values().told()
    assert entry.details["after"]["windows"] == [NIGHT.stored()]


def test_the_same_once_more_is_no_news(acme):
    limits.change(acme, Values(bytes_per_second=64_000))
    limits.change(acme, Values(bytes_per_second=64_000))

    assert len(audited("limits.changed")) == 1


def test_limits_of_the_installation_are_in_its_own_chain(everything):
    limits.change(everything, Values(most_running=4))

    (entry,) = audited("limits.changed")
    assert (entry.tenant_id, entry.resource) == (None, "limits:installation")


@pytest.mark.parametrize("person", ["alice", "olga", "bob"])
def test_only_msp_admins_limit_the_installation(enter, person):
    with pytest.raises(Forbidden):
        limits.of_installation(enter(person).actor)


@pytest.mark.parametrize("person", ["olga", "pete", "bob", "audrey"])
def test_whoever_does_not_manage_a_customer_limits_nothing_of_it(enter, person):
    with pytest.raises(Forbidden):
        limits.of_tenant(enter(person))
    with pytest.raises(Forbidden):
        limits.of_host(enter(person), "")


def test_how_many_runs_a_customer_may_have_is_the_msps_to_say(enter, acme):
    limits.change(limits.of_tenant(enter("root")), Values(most_running=2))

    for values in (Values(), Values(most_running=3)):
        with pytest.raises(Forbidden, match="MSP admins"):
            limits.change(acme, values)
    limits.change(acme, Values(most_running=2, bytes_per_second=64_000))
    limits.clear(acme)

    assert limits.read(acme).values == Values(most_running=2)


def test_a_manager_says_how_many_runs_a_host_may_have(enter):
    factories.source(enter().tenant, host="db1")
    place = limits.of_host(enter("alice"), "db1")

    limits.change(place, Values(most_running=1))

    assert limits.overview(enter("bob")).hosts["db1"].values.most_running == 1
    assert audited("limits.changed")[0].resource == "limits:host/db1"


def test_a_host_that_no_source_is_on_has_no_limits(enter):
    factories.source(factories.tenant_called("globex"), host="theirs")

    with pytest.raises(Invalid, match="No source"):
        limits.of_host(enter("alice"), "theirs")


def test_what_is_wrong_is_told_by_field_and_nothing_is_kept(acme):
    with pytest.raises(Invalid) as problem:
        limits.change(acme, Values(bytes_per_second=1))

    assert "bandwidth" in problem.value.fields
    assert limits.read(acme).is_empty


def test_the_second_of_two_people_is_told(acme):
    seen = limits.read(acme).values.mark
    limits.change(acme, Values(bytes_per_second=64_000), seen=seen)

    with pytest.raises(Conflict, match="Somebody else"):
        limits.change(acme, Values(windows=(NIGHT,)), seen=seen)

    assert limits.read(acme).values == Values(bytes_per_second=64_000)


def test_a_place_of_which_nothing_is_said_leaves_no_row(acme):
    limits.change(acme, Values(bytes_per_second=64_000))
    limits.clear(acme)

    assert db.session.scalars(select(Limit)).all() == []


def test_a_pause_holds_back_captures_and_says_why(acme, enter):
    run = waiting(acme.tenant)

    limits.pause(acme, clock.now() + HOUR, "moving the servers")
    runs.sweep(at=clock.now())

    db.session.refresh(run)
    assert picking.next_due(owner="test", at=clock.now()) is None
    assert "this customer is paused until" in run.waits_for
    assert "moving the servers" in run.waits_for
    assert audited("limits.paused")[0].reason == "moving the servers"


def test_a_pause_does_not_hold_back_a_restore(acme):
    run = waiting(acme.tenant, run_type=RunType.RESTORE, action="apply")
    limits.pause(acme, None, "for good")

    assert picking.next_due(owner="test", at=clock.now()).run_id == run.id


def test_a_pause_is_over_by_itself(acme, monkeypatch):
    limits.pause(acme, clock.now() + HOUR, "works")
    later = clock.now() + 2 * HOUR
    monkeypatch.setattr(clock, "now", lambda: later)

    assert not limits.read(acme).is_paused
    assert limits.resume(acme).is_empty
    assert audited("limits.resumed") == []


def test_whoever_resumes_lets_begin_what_waited(acme):
    run = waiting(acme.tenant)
    limits.pause(acme, None, "works")
    held = limits.read(acme)

    limits.resume(acme)

    assert (held.is_paused, held.has_end) == (True, False)
    assert picking.next_due(owner="test", at=clock.now()).run_id == run.id
    assert audited("limits.resumed")[0].details == {"was": "works"}


def test_a_pause_leaves_the_limits_as_they_are(acme):
    limits.change(acme, Values(bytes_per_second=64_000))
    limits.pause(acme, clock.now() + HOUR, "works")
    limits.clear(acme)

    assert limits.read(acme).is_paused
    assert limits.read(acme).values.is_empty


@pytest.mark.parametrize(
    ("hours", "reason", "field"),
    [(-1, "works", "until"), (1, "  ", "reason"), (1, "x" * 501, "reason")],
)
def test_a_pause_needs_a_reason_and_an_end_to_come(acme, hours, reason, field):
    with pytest.raises(Invalid) as problem:
        limits.pause(acme, clock.now() + hours * HOUR, reason)

    assert list(problem.value.fields) == [field]
    assert not limits.read(acme).is_paused


def test_outside_their_window_captures_wait(acme, monkeypatch):
    run = waiting(acme.tenant)
    limits.change(acme, Values(windows=(NIGHT,)))
    noon = clock.now().replace(year=2027, month=1, day=6, hour=12)  # a Wednesday

    assert picking.next_due(owner="test", at=noon) is None
    assert picking.next_due(owner="test", at=noon.replace(hour=23)).run_id == run.id


def test_two_who_make_the_first_row_at_once_make_one(app, enter, people):
    places = [limits.of_tenant(enter("alice")), limits.of_tenant(enter("root"))]
    ids = [(place.actor, place.tenant.slug) for place in places]
    db.session.rollback()
    failed: list[Exception] = []

    def pause(actor, slug) -> None:
        with app.app_context():
            try:
                access = limits.gate.enter(actor, slug, Permission.MANAGE)
                limits.pause(limits.of_tenant(access), None, actor.label)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=pause, args=one) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(db.session.scalars(select(Limit)).all()) == 1


def test_the_customers_with_limits_are_listed_for_msp_admins(enter, acme):
    limits.pause(acme, None, "works")
    globex = enter("root", tenant="globex").tenant
    globex.quota_bytes = 10**9
    db.session.commit()
    actor = enter("root").actor

    found = limited_customers.rows(actor)
    behind = limited_customers.rows(actor, after="acme")

    assert [row.tenant.slug for row in found] == ["acme", "globex"]
    assert found[0].held.is_paused
    assert found[1].standing.quota_bytes == 10**9
    assert [row.tenant.slug for row in behind] == ["globex"]
    with pytest.raises(Forbidden):
        limited_customers.rows(enter("alice").actor)


def test_a_customer_of_whom_nothing_is_said_is_not_listed(enter):
    assert limited_customers.rows(enter("root").actor) == []


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_a_pause_that_ends_after_all_time_has_no_end_in_any_zone(acme, zone):
    acme.tenant.timezone = zone
    run = waiting(acme.tenant)

    limits.pause(acme, datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "for good")
    runs.sweep(at=clock.now())

    db.session.refresh(run)
    assert not limits.read(acme).has_end
    assert run.waits_for == "this customer is paused (for good)"
