"""What a tenant has, and what is missing."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from tests import factories
from tests.factories import tenant_called, user_called
from webapp.domain.health import Health
from webapp.domain.permissions import Permission, Role
from webapp.extensions import db
from webapp.models import Membership
from webapp.services import access, holdings

pytestmark = pytest.mark.usefixtures("people", "context")


def held(slug: str = "acme"):
    actor = access.actor_of(user_called("root"))
    return holdings.of(access.enter(actor, slug, Permission.VIEW))


def queries_of(act) -> int:
    seen = []
    count = lambda *_: seen.append(1)  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", count)
    act()
    event.remove(db.engine, "before_cursor_execute", count)
    return len(seen)


def add_sources(number: int) -> None:
    for _ in range(number):
        factories.backup_set(factories.run(factories.source(tenant_called("acme"))))
    db.session.commit()


def test_a_granted_folder_without_a_source_is_missing_protection():
    (gap,) = held().gaps

    assert gap.place == tenant_called("acme").granted_roots[0]


@pytest.mark.parametrize("below", ["", "/web/html"])
def test_a_source_in_the_folder_closes_the_gap(below):
    root = tenant_called("acme").granted_roots[0]
    made = factories.source(tenant_called("acme"), config={"path": root + below})
    factories.backup_set(factories.run(made))

    assert held().gaps == []


def test_a_source_that_was_never_captured_is_not_safe():
    factories.source(tenant_called("acme"), name="shop")

    assert held().safe == 0
    assert [row.health for row in held().sources] == [Health.UNKNOWN]


def test_a_tenant_without_a_manager_says_so():
    db.session.query(Membership).filter_by(role=Role.MANAGER).delete()

    assert "There is no manager" in [gap.title for gap in held().gaps]


def test_nothing_of_a_neighbour_is_counted():
    add_sources(2)

    assert held("globex").sources == []
    assert held("globex").recent_runs == []
    assert held("acme").safe == 2


def test_the_number_of_queries_does_not_grow_with_the_sources():
    add_sources(2)
    few = queries_of(held)
    add_sources(20)
    db.session.expire_all()

    assert queries_of(held) <= few + 1
