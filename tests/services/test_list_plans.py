"""Lists and polls read as little with a million rows as with few: plans and numbers of queries."""

from __future__ import annotations

import shutil

import pytest

from bench.loading import asking, filling
from bench.loading.pages import pages
from bench.loading.past import Size
from tests import factories
from tests.installations import settings_for
from tests.query_plans import complaints
from webapp import clock, create_app
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.services import access as gate
from webapp.services import captures, picking

FEW = Size(tenants=4, sources=12, sets=60, items=600)
MORE = Size(tenants=9, sources=60, sets=700, items=4000)

# They sort what an index alone tells of many tenants (services/run_lists.py), or few restores;
# a tenant's page sorts its sources.
SORT = {
    "all runs, olga", "all runs, far back, olga", "all runs running, olga", "all runs failed, olga",
    "poll: running work, olga", "restore log of all, root",
    "the tenant, largest customer",
}  # fmt: skip


def asked(app, size):
    """Each page with the statements behind it, in an installation with so much in it."""
    with app.app_context():
        filled = filling.fill(size)
        wanted, engine = pages(app, filled), db.engine
        db.session.remove()
    browsers = {name: asking.browser(app, name) for name in ("root", "olga", "clara", "sam")}
    for page in wanted:
        with asking.watched(engine) as seen:
            response = browsers[page.person].get(page.address)
        assert response.status_code == 200, page
        yield page, engine, seen


def test_no_list_reads_more_of_a_large_table_than_it_shows(app):
    wrong = {
        page.key: (found, statement[0])
        for page, engine, seen in asked(app, FEW)
        for statement in seen
        if (found := complaints(engine, statement, may_sort=page.key in SORT))
    }

    assert wrong == {}


@pytest.mark.sqlite_only
def test_more_of_everything_needs_no_more_queries(prepared_home, compiled, tmp_path):
    def queries(size: Size) -> dict[str, int]:
        home = tmp_path / str(size.sets)
        shutil.copytree(prepared_home, home)
        app = create_app(settings_for(home))
        app.jinja_env.bytecode_cache = compiled
        found = {page.key: len(seen) for page, _, seen in asked(app, size)}
        with app.app_context():
            db.engine.dispose()
        return found

    few, more = queries(FEW), queries(MORE)

    assert {key: (few[key], count) for key, count in more.items() if count > few[key]} == {}


def test_asking_for_work_and_taking_it_reads_no_whole_table(app, people):
    with app.app_context():
        source = factories.source(factories.tenant_called("acme"))
        db.session.commit()
        access = gate.enter(gate.actor_called("olga@example.com"), "acme", Permission.OPERATE)
        with asking.watched(db.engine) as seen:
            captures.start(access, source.id)
            picking.next_due(owner="test", at=clock.now())
        db.session.rollback()
        wrong = [
            (found, one[0])
            for one in list(seen)
            if (found := complaints(db.engine, one, may_sort=True))
        ]

    assert wrong == []
