"""Tenants: their facts, their folders, and their rest."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.factories import tenant_called, user_called
from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import db
from webapp.models import AuditEntry, TenantStatus
from webapp.services import access, installation, tenants
from webapp.services.tenants import Facts

pytestmark = pytest.mark.usefixtures("people", "context")

SHELL = Actor(label="cli:root@host", is_msp_admin=True)


@pytest.fixture
def acme():
    return access.enter(SHELL, "acme", Permission.ADMINISTER)


def enter(name: str, permission: Permission):
    return access.enter(access.actor_of(user_called(name)), "acme", permission)


def complaints(act) -> set[str]:
    with pytest.raises(Invalid) as refused:
        act()
    return set(refused.value.fields)


def test_a_new_tenant_is_empty_active_and_audited():
    made = tenants.add(SHELL, "initech", Facts(name=" Initech "), at=clock.now())

    assert (made.name, made.status, made.granted_roots) == ("Initech", TenantStatus.ACTIVE, [])
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.tenant_id == made.id)).one()
    assert entry.action == "tenant.added"


@pytest.mark.parametrize("slug", ["", "Acme", "-a", "a-", "a b", "ä", "x" * 41, "a/b", "acme"])
def test_a_slug_that_cannot_be_used_is_refused(slug):
    assert complaints(lambda: tenants.add(SHELL, slug, Facts(name="X"), at=clock.now())) == {"slug"}


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        (Facts(name=" "), "name"),
        (Facts(name="X", timezone="Mars/Olympus"), "timezone"),
        (Facts(name="X", timezone="../../etc/passwd"), "timezone"),
        (Facts(name="X", recovery_point_minutes=0), "recovery_point_minutes"),
    ],
)
def test_facts_that_cannot_be_used_are_refused(facts, field):
    assert complaints(lambda: tenants.add(SHELL, "x", facts, at=clock.now())) == {field}


def test_only_msp_admins_add_tenants():
    with pytest.raises(Forbidden):
        tenants.add(
            access.actor_of(user_called("alice")), "mine", Facts(name="Mine"), at=clock.now()
        )


def test_a_change_is_audited_with_before_and_after(acme):
    tenants.edit(acme, Facts(name="Acme Ltd"))

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "tenant.changed")
    ).one()
    assert entry.details == {"before": {"name": "Acme"}, "after": {"name": "Acme Ltd"}}


def test_a_granted_folder_is_kept_once(acme):
    tenants.grant_root(acme, "/srv/acme/")
    tenants.grant_root(acme, "/srv/acme")

    assert acme.tenant.granted_roots.count("/srv/acme") == 1


def test_our_own_data_is_granted_to_nobody(acme):
    home = installation.settings().home

    for place in (home, home / "vaults", home.parent, "/", "/tmp/../etc", "relative"):
        assert complaints(lambda place=place: tenants.grant_root(acme, str(place))) == {"root"}


def test_a_folder_of_another_tenant_is_not_granted_by_mistake(acme):
    theirs = tenant_called("globex").granted_roots[0]

    assert complaints(lambda: tenants.grant_root(acme, f"{theirs}/web")) == {"root"}
    assert tenants.grant_root(acme, f"{theirs}/web", may_overlap=True)


def test_a_folder_can_be_taken_back(acme):
    root = acme.tenant.granted_roots[0]

    tenants.revoke_root(acme, root)

    assert acme.tenant.granted_roots == []


def test_at_rest_nothing_new_starts_and_looking_is_allowed(acme):
    tenants.move_to(acme, TenantStatus.SUSPENDED)

    for permission in (Permission.OPERATE, Permission.PREVIEW, Permission.APPROVE):
        with pytest.raises(Forbidden, match="suspended"):
            enter("olga", permission)
    assert enter("olga", Permission.VIEW_CONTENT)
    assert enter("alice", Permission.VIEW_AUDIT)


def test_at_rest_a_small_role_learns_nothing_new(acme):
    tenants.move_to(acme, TenantStatus.SUSPENDED)

    with pytest.raises(Forbidden, match="You may not"):
        enter("bob", Permission.OPERATE)


def test_an_active_tenant_cannot_be_activated(acme):
    with pytest.raises(Conflict):
        tenants.move_to(acme, TenantStatus.ACTIVE)


def test_the_list_shows_a_person_only_their_own():
    rows = tenants.rows(access.actor_of(user_called("bob")))

    assert [(row.tenant.slug, row.members) for row in rows] == [("acme", 5)]
