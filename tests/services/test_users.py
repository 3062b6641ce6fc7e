"""Accounts, as MSP admins look after them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.factories import user_called
from webapp import clock
from webapp.domain.actors import Actor
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import db
from webapp.models import AuditEntry
from webapp.models.columns import new_id
from webapp.services import access, accounts, passwords, users
from webapp.services.accounts import Wanted

pytestmark = pytest.mark.usefixtures("people", "context")

SHELL = Actor(label="cli:root@host", is_msp_admin=True)
PASSWORD = "a rather long sentence"


def actor(name: str) -> Actor:
    return access.actor_of(user_called(name))


@pytest.mark.parametrize(
    "act",
    [
        lambda who, user_id: users.rows(who),
        lambda who, user_id: users.add(who, "new@example.com", at=clock.now()),
        lambda who, user_id: users.set_admin(who, user_id, is_msp_admin=True),
        lambda who, user_id: users.disable(who, user_id),
        lambda who, user_id: users.enable(who, user_id),
        lambda who, user_id: users.reset_second_factor(who, user_id),
        lambda who, user_id: users.make_link(who, user_id, at=clock.now()),
    ],
    ids=["list", "add", "make admin", "disable", "enable", "reset factor", "link"],
)
def test_a_manager_may_do_nothing_to_accounts(act):
    with pytest.raises(Forbidden):
        act(actor("alice"), user_called("bob").id)


def test_an_account_that_is_not_there_is_refused():
    with pytest.raises(Forbidden):
        users.find(SHELL, new_id())


@pytest.mark.parametrize(
    "act",
    [
        lambda user_id: users.disable(SHELL, user_id),
        lambda user_id: users.set_admin(SHELL, user_id, is_msp_admin=False),
    ],
    ids=["disable", "unmake"],
)
def test_the_last_admin_stays(act):
    with pytest.raises(Conflict, match="last MSP admin"):
        act(user_called("root").id)


def test_nobody_disables_their_own_account():
    users.set_admin(SHELL, user_called("alice").id, is_msp_admin=True)

    with pytest.raises(Conflict, match="own account"):
        users.disable(actor("root"), user_called("root").id)


def test_disabling_ends_all_sessions_and_is_audited():
    before = user_called("bob").get_id()

    users.disable(SHELL, user_called("bob").id)

    assert user_called("bob").get_id() != before
    newest = db.session.scalars(select(AuditEntry).order_by(AuditEntry.at.desc())).first()
    assert (newest.action, newest.actor, newest.tenant_id) == ("user.disabled", SHELL.label, None)


def test_an_address_has_one_account_however_it_is_written():
    with pytest.raises(Conflict):
        users.add(SHELL, "Bob@Example.com", at=clock.now())


def test_the_shell_makes_an_account_with_role_and_password_in_one_step():
    wanted = Wanted(email="new@example.com", tenant_slug="acme", content=True)

    provided = accounts.provide(SHELL, wanted, password=PASSWORD, at=clock.now())

    assert provided.link is None
    assert passwords.matches(provided.user.password_hash, PASSWORD)
    assert [m.tenant.slug for m in provided.user.memberships] == ["acme"]


def test_without_a_password_there_is_a_link():
    wanted = Wanted(email="new@example.com", is_msp_admin=True)

    provided = accounts.provide(SHELL, wanted, password=None, at=clock.now())

    assert provided.link.startswith("http://127.0.0.1:8000/link/")


def test_a_password_that_is_not_good_enough_makes_no_account():
    with pytest.raises(Invalid):
        accounts.provide(SHELL, Wanted(email="new@example.com"), password="short", at=clock.now())
    db.session.rollback()

    assert users.called("new@example.com") is None


@pytest.mark.parametrize(
    ("wanted", "password"),
    [
        (Wanted(email="new@example.com", is_msp_admin=True), None),
        (Wanted(email="new@example.com", tenant_slug="acme", is_msp_admin=True), None),
        (Wanted(email="new@example.com", tenant_slug="acme"), PASSWORD),
        (Wanted(email="new@example.com", tenant_slug="globex"), None),
    ],
    ids=["admin", "admin of a tenant", "with password", "elsewhere"],
)
def test_a_manager_can_only_invite_and_only_into_an_own_tenant(wanted, password):
    with pytest.raises(Forbidden):
        accounts.provide(actor("alice"), wanted, password=password, at=clock.now())
