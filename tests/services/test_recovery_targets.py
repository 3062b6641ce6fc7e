"""Recovery targets: set by managers, audited, and told when two do so at once."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from tests import factories
from webapp.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.extensions import db
from webapp.models import AuditEntry, Source, Tenant
from webapp.services import recovery_targets as targets
from webapp.services import sources as source_services
from webapp.services.recovery_targets import Change

HOUR = 60


@pytest.fixture
def shop(enter) -> Source:
    made = factories.source(enter().tenant, name="shop")
    db.session.commit()
    return made


def of_source(source: Source) -> int | None:
    db.session.rollback()
    return db.session.get_one(Source, source.id, populate_existing=True).recovery_point_minutes


def entries(action: str) -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def test_a_source_without_a_target_of_its_own_takes_the_tenants(enter, shop):
    targets.set_tenant(enter("alice"), 6 * HOUR)
    assert [row.target_minutes for row in targets.rows(enter())] == [6 * HOUR]

    targets.set_source(enter("alice"), shop, HOUR)
    assert [row.target_minutes for row in targets.rows(enter())] == [HOUR]

    targets.set_source(enter("alice"), shop, None)
    assert [row.own_minutes for row in targets.rows(enter())] == [None]


def test_each_change_is_audited_with_what_was_and_what_is(enter, shop):
    targets.set_tenant(enter("alice"), 6 * HOUR)
    targets.set_source(enter("alice"), shop, HOUR)

    (of_tenant,) = entries("tenant.target_changed")
    (of_one,) = entries("source.target_changed")
    assert (of_tenant.actor, of_one.resource) == ("alice@example.com", f"source:{shop.id}")
    assert of_tenant.details == {
        "name": "Acme",
        "before": {"recovery_point_minutes": 24 * HOUR},
        "after": {"recovery_point_minutes": 6 * HOUR},
    }
    assert of_one.details["after"] == {"recovery_point_minutes": HOUR}


def test_what_is_so_already_is_no_change(enter, shop):
    assert not targets.set_tenant(enter("alice"), 24 * HOUR)
    assert not targets.set_source(enter("alice"), shop, None)

    assert entries("tenant.target_changed") == []


@pytest.mark.parametrize("person", ["olga", "pete", "bob", "audrey"])
def test_only_a_manager_sets_them(enter, shop, person):
    with pytest.raises(Forbidden):
        targets.set_tenant(enter(person), HOUR)
    with pytest.raises(Forbidden):
        targets.set_source(enter(person), shop, HOUR)

    assert of_source(shop) is None


def test_a_neighbours_source_is_refused_and_nothing_is_saved(enter, shop):
    theirs = factories.source(factories.tenant_called("globex"))
    db.session.commit()
    wanted = {shop.id: Change(was=None, now=HOUR), theirs.id: Change(was=None, now=HOUR)}

    with pytest.raises(Forbidden):
        targets.save(enter("alice"), tenant=Change(was=24 * HOUR, now=HOUR), sources=wanted)

    assert (of_source(shop), of_source(theirs)) == (None, None)
    assert enter().tenant.recovery_point_minutes == 24 * HOUR


def test_a_removed_source_has_no_target(enter, shop):
    source_services.remove(enter("alice"), shop.id, "gone")

    with pytest.raises(NotFound):
        targets.save(enter("alice"), sources={shop.id: Change(was=None, now=HOUR)})


@pytest.mark.parametrize("minutes", [0, -1, 366 * 24 * HOUR + 1])
def test_a_target_is_between_a_minute_and_a_year(enter, shop, minutes):
    with pytest.raises(Invalid):
        targets.set_tenant(enter("alice"), minutes)
    with pytest.raises(Invalid):
        targets.set_source(enter("alice"), shop, minutes)


def test_a_tenant_always_has_one(enter):
    with pytest.raises(Invalid):
        targets.save(enter("alice"), tenant=Change(was=24 * HOUR, now=None))


def test_the_second_of_two_is_told_and_nothing_of_theirs_is_saved(enter, shop):
    targets.set_source(enter("root"), shop, 2 * HOUR)

    with pytest.raises(Conflict, match="the target of shop"):
        targets.save(
            enter("alice"),
            tenant=Change(was=24 * HOUR, now=HOUR),
            sources={shop.id: Change(was=None, now=3 * HOUR)},
        )

    assert of_source(shop) == 2 * HOUR
    assert db.session.get_one(Tenant, shop.tenant_id).recovery_point_minutes == 24 * HOUR


def test_what_a_person_left_alone_stays_as_somebody_else_set_it(enter, shop):
    targets.set_source(enter("root"), shop, 2 * HOUR)

    changed = targets.save(
        enter("alice"),
        tenant=Change(was=24 * HOUR, now=HOUR),
        sources={shop.id: Change(was=None, now=None)},
    )

    assert (changed, of_source(shop)) == (1, 2 * HOUR)


def test_an_edit_of_a_source_says_what_became_of_its_target(enter, shop):
    source_services.edit(
        enter("alice"), shop.id, name="shop", config=dict(shop.config), recovery_point_minutes=HOUR
    )

    (entry,) = entries("source.changed")
    assert entry.details["before"]["recovery_point_minutes"] is None
    assert entry.details["recovery_point_minutes"] == HOUR


def test_the_list_is_one_query_and_in_parts(enter, shop):
    access = enter()
    for number in range(20):
        factories.source(access.tenant, name=f"a{number:02}")
    db.session.commit()
    assert access.tenant.name
    seen = []
    event.listen(db.engine, "before_cursor_execute", lambda *facts: seen.append(facts))

    part = targets.rows(access, offset=18, limit=10)

    assert [row.source.name for row in part] == ["a18", "a19", "shop"]
    assert len(seen) == 1
