"""The demo tenant: made, damaged and removed, and nobody else's shop."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from webapp.domain.actors import SYSTEM, Actor
from webapp.domain.permissions import Permission, Role
from webapp.domain.runs import RunState
from webapp.errors import Conflict, Forbidden, Refused
from webapp.extensions import db
from webapp.models import AuditEntry, Membership, Run, Source, Tenant, TenantStatus, User
from webapp.services import access as gate
from webapp.services import captures, demo, surroundings, work
from webapp.services.access import Access
from webapp.services.demo.tenant import shop

pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def access(context: None) -> Access:
    demo.create(SYSTEM)
    return gate.enter(SYSTEM, "demo", Permission.ADMINISTER)


def carried_out(run: Run) -> Run:
    run_id = run.id
    work.carry_out(run_id, owner="test")
    return db.session.get_one(Run, run_id)


def somebody(tenant: Tenant, role: Role) -> Actor:
    user = User(email=f"{role}@example.com", created_at=tenant.created_at)
    db.session.add(user)
    db.session.flush()
    db.session.add(Membership(tenant_id=tenant.id, user_id=user.id, role=role))
    db.session.commit()
    return gate.actor_of(user)


def test_the_demo_is_marked_and_has_a_shop_and_a_source_for_it(access):
    source = db.session.scalars(select(Source)).one()

    assert access.tenant.is_demo
    assert access.tenant.granted_roots == [str(shop().folder)]
    assert (source.kind, source.name) == ("site", "shop")
    assert shop().database.is_file()


def test_there_is_one_demo_at_a_time(access):
    with pytest.raises(Conflict):
        demo.create(SYSTEM)


def test_only_an_msp_admin_makes_the_demo():
    with pytest.raises(Forbidden):
        demo.create(Actor(label="bob@example.com"))


def test_the_shop_lies_in_the_data_folder_and_can_be_captured_all_the_same(access):
    source = db.session.scalars(select(Source)).one()

    run, _is_new = captures.start(access, source.id)

    assert carried_out(run).status is RunState.SUCCEEDED


def test_a_page_asks_for_damage_and_a_worker_does_it(access, rings):
    before = (shop().pages / "index.html").read_text()

    run, is_new = demo.damage(access)

    assert is_new
    assert rings == [str(run.id)]
    assert (shop().pages / "index.html").read_text() == before
    assert carried_out(run).status is RunState.SUCCEEDED
    assert (shop().pages / "index.html").read_text() != before


def test_the_demo_says_that_it_is_damaged_until_a_restore_succeeds(access):
    assert not demo.state(access).is_damaged
    run, _is_new = demo.damage(access)
    assert demo.state(access).run.id == run.id

    carried_out(run)

    state = demo.state(gate.enter(SYSTEM, "demo", Permission.VIEW))
    assert state.is_damaged
    assert state.run is None


def test_damage_and_who_wanted_it_stand_in_the_audit_log(access):
    run, _is_new = demo.damage(access)
    carried_out(run)

    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.resource == f"run:{run.id}").order_by(AuditEntry.seq)
    )

    assert [(entry.action, entry.actor) for entry in entries] == [
        ("demo_damage.started", "lastgood"),
        ("demo_damage.ended", "lastgood"),
    ]


def test_pressing_the_button_twice_damages_once(access):
    first, _is_new = demo.damage(access)

    second, is_new = demo.damage(access)

    assert second.id == first.id
    assert not is_new


@pytest.mark.parametrize("act", [demo.damage, demo.remove], ids=["damage", "removal"])
def test_another_customers_site_is_refused(context, act):
    tenant = Tenant(slug="acme", name="Acme", created_at=db.func.now())
    tenant.created_at = demo.create(SYSTEM).created_at
    db.session.add(tenant)
    db.session.commit()

    with pytest.raises(Refused) as refusal:
        act(gate.enter(SYSTEM, "acme", Permission.ADMINISTER))

    assert refusal.value.code == "not_demo"


def test_a_job_believes_no_earlier_check(access):
    run, _is_new = demo.damage(access)
    access.tenant.is_demo = False
    db.session.commit()

    ended = carried_out(run)

    assert (ended.status, ended.error_code) == (RunState.FAILED, "not_demo")
    assert not (shop().pages / "left-behind.txt").exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.PREVIEWER], ids=str)
def test_who_may_not_operate_may_not_damage(access, role):
    person = somebody(access.tenant, role)

    with pytest.raises(Forbidden):
        demo.damage(gate.enter(person, "demo", Permission.VIEW))


def test_only_an_msp_admin_removes_the_demo(access):
    person = somebody(access.tenant, Role.MANAGER)

    with pytest.raises(Forbidden):
        demo.remove(gate.enter(person, "demo", Permission.VIEW))


def test_a_removed_demo_is_gone_with_its_files_and_can_be_made_again(access):
    tenant_id: UUID = access.tenant.id
    run, _is_new = demo.remove(access)

    assert carried_out(run).status is RunState.SUCCEEDED

    tenant = db.session.get_one(Tenant, tenant_id)
    assert tenant.status is TenantStatus.GONE
    assert not shop().folder.exists()
    assert demo.create(SYSTEM).slug == "demo"


def test_the_demo_is_not_removed_under_work_in_progress(access):
    demo.damage(access)

    with pytest.raises(Conflict):
        demo.remove(access)


def test_no_other_tenant_may_reach_into_the_demo(access, tmp_path):
    ordinary = Tenant(slug="acme", name="Acme", granted_roots=[str(tmp_path)])

    assert surroundings.of(ordinary, tmp_path).exempt == ()
    assert surroundings.of(access.tenant, tmp_path).exempt != ()
