"""The gate: one way in, and the same refusal for all that is not one's own."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.permissions import ROLES, Permission, Role, permissions_of
from webapp.errors import Forbidden, NotFound
from webapp.extensions import db
from webapp.models import Run, Source, Tenant, TenantStatus, User
from webapp.models.columns import new_id
from webapp.services import access


def _actor(name: str) -> Actor:
    return access.actor_of(
        db.session.scalars(select(User).where(User.email == f"{name}@example.com")).one()
    )


def _source(slug: str, **facts: object) -> Source:
    tenant = db.session.scalars(select(Tenant).where(Tenant.slug == slug)).one()
    source = Source(
        tenant_id=tenant.id, kind="files", name="web", config={}, created_at=clock.now(), **facts
    )
    db.session.add(source)
    db.session.commit()
    return source


def _refusal(act) -> str:
    with pytest.raises(Forbidden) as refusal:
        act()
    return str(refusal.value)


def test_a_neighbour_and_a_stranger_are_refused_in_the_same_words(people, context):
    charlie = _actor("charlie")

    answers = {
        _refusal(lambda slug=slug: access.enter(charlie, slug, Permission.VIEW))
        for slug in ("acme", "no-such-tenant")
    }

    assert len(answers) == 1


def test_what_is_not_there_and_what_is_not_ones_own_look_the_same(people, context):
    source = _source("acme")
    globex = access.enter(_actor("charlie"), "globex", Permission.VIEW)

    answers = {
        _refusal(lambda row_id=row_id: access.find(globex, Source, row_id))
        for row_id in (source.id, new_id())
    }

    assert len(answers) == 1


def test_ones_own_deleted_thing_is_said_to_be_deleted(people, context):
    source = _source("acme", removed_at=clock.now())
    acme = access.enter(_actor("alice"), "acme", Permission.VIEW)

    with pytest.raises(NotFound):
        access.find(acme, Source, source.id)


def test_a_right_lost_since_the_start_is_lost_in_the_job(people, context):
    olga = _actor("olga")
    tenant = access.enter(olga, "acme", Permission.OPERATE).tenant
    db.session.get_one(User, olga.user_id).is_disabled = True
    db.session.commit()

    with pytest.raises(Forbidden):
        access.again(olga.user_id, tenant, Permission.OPERATE)


def test_the_database_refuses_a_run_of_one_tenant_on_a_source_of_another(people, context):
    source = _source("acme")
    globex = db.session.scalars(select(Tenant).where(Tenant.slug == "globex")).one()
    db.session.add(
        Run(
            tenant_id=globex.id,
            run_type="capture_run",
            action="capture",
            idempotency_key="k",
            source_id=source.id,
            requested_by="test",
            queued_at=clock.now(),
        )
    )

    with pytest.raises(IntegrityError):
        db.session.commit()


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (Role.VIEWER, {Permission.VIEW}, {Permission.PREVIEW, Permission.VIEW_AUDIT}),
        (Role.AUDITOR, {Permission.VIEW_AUDIT}, {Permission.PREVIEW, Permission.VIEW_CONTENT}),
        (Role.PREVIEWER, {Permission.REQUEST}, {Permission.OPERATE, Permission.VIEW_CONTENT}),
        (Role.OPERATOR, {Permission.APPROVE}, {Permission.MANAGE, Permission.VIEW_AUDIT}),
        (Role.MANAGER, {Permission.MANAGE}, {Permission.ADMINISTER}),
    ],
    ids=["viewer", "auditor", "previewer", "operator", "manager"],
)
def test_a_role_may_what_its_line_says_and_no_more(role, may, may_not):
    assert may <= ROLES[role]
    assert not may_not & ROLES[role]


def test_the_content_right_can_be_granted_by_itself():
    assert Permission.VIEW_CONTENT not in permissions_of(Role.VIEWER, content=False)
    assert Permission.VIEW_CONTENT in permissions_of(Role.VIEWER, content=True)


@pytest.mark.parametrize("permission", [Permission.VIEW_AUDIT, Permission.OPERATE], ids=str)
@pytest.mark.parametrize("name", ["root", "alice", "bob", "audrey", "charlie"])
@pytest.mark.parametrize("status", [TenantStatus.ACTIVE, TenantStatus.SUSPENDED], ids=str)
def test_tenants_where_one_may_do_something_are_those_that_let_one_in(
    people, context, name, permission, status
):
    tenant = db.session.scalars(select(Tenant).where(Tenant.slug == "acme")).one()
    tenant.status = status
    db.session.commit()
    actor = _actor(name)

    def lets_in(slug: str) -> bool:
        try:
            return bool(access.enter(actor, slug, permission))
        except Forbidden:
            return False

    found = [tenant.slug for tenant in access.tenants_where(actor, permission)]

    assert found == [slug for slug in ("acme", "globex") if lets_in(slug)]
