"""Who may let whom into a tenant, and as what."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.factories import tenant_called, user_called
from webapp import clock
from webapp.domain.permissions import Permission, Role
from webapp.errors import Conflict, Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.models import AuditEntry, LinkPurpose, Membership
from webapp.services import access, links, passwords, people

pytestmark = pytest.mark.usefixtures("people", "context")


def enter(name: str, slug: str = "acme"):
    return access.enter(access.actor_of(user_called(name)), slug, Permission.VIEW)


def member_of(name: str, slug: str = "acme") -> Membership:
    return db.session.scalars(
        select(Membership).where(
            Membership.tenant_id == tenant_called(slug).id,
            Membership.user_id == user_called(name).id,
        )
    ).one()


def invite(who, email="new@example.com", role=Role.VIEWER):
    return people.invite(who, email, name="", role=role, content=False, at=clock.now())


@pytest.fixture
def alice():
    return enter("alice")


@pytest.fixture
def root():
    return enter("root")


def demand_two_people():
    tenant_called("acme").needs_two_people = ["live_restore"]
    db.session.commit()


def test_a_manager_invites_somebody_new(alice):
    invited = invite(alice)

    assert invited.purpose is LinkPurpose.INVITATION
    assert links.find(invited.secret, at=clock.now()).user.email == "new@example.com"
    assert invited.member.role is Role.VIEWER


def test_a_manager_cannot_add_an_account_that_exists(alice):
    with pytest.raises(Invalid, match="MSP admin"):
        invite(alice, "charlie@example.com")


def test_an_admin_adds_an_account_that_exists_and_gets_no_link_to_it(root):
    user_called("charlie").password_hash = passwords.hash_of("a rather long sentence")

    assert invite(root, "charlie@example.com").secret is None
    assert member_of("charlie").role is Role.VIEWER


def test_nobody_is_a_member_twice(alice):
    with pytest.raises(Conflict):
        invite(alice, "bob@example.com")


@pytest.mark.parametrize("name", ["olga", "pete", "bob", "audrey"])
def test_only_managers_look_after_people(name):
    with pytest.raises(Forbidden):
        invite(enter(name))


def test_no_role_goes_above_manager(alice):
    with pytest.raises(Invalid):
        invite(alice, role=Role.MSP_ADMIN)


def test_a_manager_cannot_touch_an_msp_admin(alice, root):
    people.add(root, user_called("root"), role=Role.VIEWER, content=False)
    db.session.commit()

    with pytest.raises(Forbidden):
        people.change(alice, member_of("root").id, role=Role.OPERATOR, content=False)
    with pytest.raises(Forbidden):
        people.remove(alice, member_of("root").id)
    with pytest.raises(Forbidden):
        people.make_link(alice, member_of("root").id, at=clock.now())


def test_a_neighbour_s_member_is_refused_like_one_that_is_not_there(alice):
    with pytest.raises(Forbidden):
        people.find(alice, member_of("charlie", "globex").id)


@pytest.mark.parametrize(
    "act",
    [
        lambda alice, member_id: people.change(alice, member_id, role=Role.VIEWER, content=False),
        people.remove,
    ],
    ids=["demote", "remove"],
)
def test_the_last_manager_stays(alice, act):
    alone = member_of("alice").id

    with pytest.raises(Conflict, match="only manager"):
        act(alice, alone)


def test_the_last_manager_may_go_when_there_is_another(alice):
    people.change(alice, member_of("olga").id, role=Role.MANAGER, content=False)

    assert people.remove(alice, member_of("alice").id) == "alice@example.com"


def test_a_manager_makes_a_reset_link_for_a_member_who_works_only_here(alice):
    user_called("bob").password_hash = passwords.hash_of("a rather long sentence")

    purpose, _ = people.make_link(alice, member_of("bob").id, at=clock.now())

    assert purpose is LinkPurpose.RESET


def test_a_manager_makes_no_link_for_somebody_who_works_elsewhere_too(alice, root):
    globex = enter("root", "globex")
    people.add(globex, user_called("bob"), role=Role.VIEWER, content=False)
    db.session.commit()

    with pytest.raises(Refused):
        people.make_link(alice, member_of("bob").id, at=clock.now())


def test_where_two_people_are_demanded_a_manager_cannot_make_the_second(alice):
    demand_two_people()

    with pytest.raises(Refused):
        invite(alice, role=Role.OPERATOR)
    with pytest.raises(Refused):
        people.change(alice, member_of("bob").id, role=Role.OPERATOR, content=False)
    with pytest.raises(Refused):
        people.make_link(alice, member_of("olga").id, at=clock.now())
    assert invite(alice, role=Role.AUDITOR)


def test_every_act_is_in_the_tenant_s_audit_log(alice):
    member = invite(alice).member
    people.change(alice, member.id, role=Role.AUDITOR, content=True)
    people.make_link(alice, member.id, at=clock.now())
    people.remove(alice, member.id)

    query = select(AuditEntry).where(AuditEntry.tenant_id == tenant_called("acme").id)
    entries = db.session.scalars(query.order_by(AuditEntry.seq)).all()

    assert [e.action for e in entries] == [
        "member.added",
        "member.changed",
        "invitation.made",
        "member.removed",
    ]
    assert {e.actor for e in entries} == {"alice@example.com"}


def test_a_person_taken_out_is_out_at_once(alice):
    people.remove(alice, member_of("bob").id)

    with pytest.raises(Forbidden):
        enter("bob")
