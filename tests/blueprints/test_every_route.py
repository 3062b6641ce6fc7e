"""Who may call what: every route of the console, every role, both tenants.

The table is made from the routes themselves, so a new one is tested from its first day, and one
that does not say whom it is for fails.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.blueprints.routes import IDS_IN_QUERIES, OF_ONESELF, Route, all_routes, typed
from tests.request_guard import watching
from webapp import clock
from webapp.domain.permissions import Permission, Role, permissions_of
from webapp.extensions import db
from webapp.models import BackupSet, Source

ROUTES = all_routes()
OF_TENANTS = [route for route in ROUTES if route.is_of_a_tenant]
WITH_IDS = [route for route in OF_TENANTS if route.id_parameters]
POSTS = [route for route in ROUTES if route.method != "GET"]
GETS = [route for route in ROUTES if route.method == "GET"]
SWAP = {"HX-Request": "true"}

ROLES = {
    "root": Role.MSP_ADMIN,
    "alice": Role.MANAGER,
    "olga": Role.OPERATOR,
    "pete": Role.PREVIEWER,
    "bob": Role.VIEWER,
    "audrey": Role.AUDITOR,
}

# These read from a vault, by design: a page that shows what is inside a backup.
READS_VAULT = {"sets.archive", "sets.browse", "sets.download", "sets.item", "sets.view"}


def name_of(route: Route) -> str:
    return route.id


def call(client: FlaskClient, route: Route, path: str, **options: object) -> TestResponse:
    data = typed("/srv/acme") if route.method == "POST" else None
    return client.open(path, method=route.method, data=data, buffered=True, **options)


def may(route: Route, person: str) -> bool:
    if route.needs == "open":
        return True
    if route.needs == "signed_in":
        return person != "nobody" and route.endpoint not in OF_ONESELF
    if route.needs == "msp_admin":
        return person == "root"
    role = ROLES.get(person)
    return role is not None and route.needs in permissions_of(role, content=False)


def outcome(response: TestResponse) -> str:
    if response.status_code == 403:
        return "refused"
    if response.status_code == 401 or "/sign-in?next=" in (response.location or ""):
        return "asked to sign in"
    return "let in" if response.status_code < 500 else "failed"


def test_every_route_says_whom_it_is_for():
    kinds = (*Permission, "open", "signed_in", "msp_admin")

    assert [route.id for route in ROUTES if route.mark not in kinds] == []


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
@pytest.mark.parametrize("headers", [{}, SWAP], ids=["page", "swap"])
def test_each_role_may_what_its_line_says(everybody, route, headers):
    found, expected = {}, {}
    path = route.path("acme", everybody.things("acme"))
    for person in ("nobody", "charlie", *ROLES):
        if route.method == "POST" and may(route, person):
            path = route.path("acme", everybody.things("acme"))  # the last one may have used it up
        found[person] = outcome(call(everybody.client(person), route, path, headers=headers))
        no = "asked to sign in" if person == "nobody" else "refused"
        expected[person] = "let in" if may(route, person) else no

    assert found == expected


@pytest.mark.parametrize("route", OF_TENANTS, ids=name_of)
def test_a_tenant_of_others_and_one_that_is_not_there_look_the_same(everybody, route):
    ids = everybody.things("acme")

    theirs = call(everybody.client("charlie"), route, route.path("acme", ids))
    nowhere = call(everybody.client("charlie"), route, route.path("no-such-tenant", ids))

    assert (theirs.status_code, theirs.text) == (nowhere.status_code, nowhere.text)
    assert theirs.status_code == 403
    assert "Acme" not in theirs.text


@pytest.mark.parametrize("route", WITH_IDS, ids=name_of)
@pytest.mark.parametrize("headers", [{}, SWAP], ids=["page", "swap"])
def test_an_id_of_others_and_one_that_is_not_there_look_the_same(everybody, route, headers):
    own, theirs = everybody.things("acme"), everybody.things("globex")
    answers = set()
    for parameter in route.id_parameters:
        for value in (theirs[parameter], uuid4()):
            path = route.path("acme", {**own, parameter: value})
            response = call(everybody.client("root"), route, path, headers=headers)
            manager = call(everybody.client("alice"), route, path, headers=headers)
            answers |= {(response.status_code, response.text)}
            answers |= {(manager.status_code, manager.text)}

    assert {status for status, _ in answers} == {403}
    assert len(answers) == 1


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.endpoint in IDS_IN_QUERIES], ids=name_of
)
@pytest.mark.parametrize("whose", ["a neighbour's", "nobody's"])
def test_an_id_of_others_is_refused_in_a_query_too(everybody, route, whose):
    own, theirs = everybody.things("acme"), everybody.things("globex")
    _, parameter = IDS_IN_QUERIES[route.endpoint]
    value = theirs[parameter] if whose == "a neighbour's" else uuid4()

    response = call(everybody.client("alice"), route, route.path("acme", {**own, parameter: value}))

    assert response.status_code == 403
    assert "Globex" not in response.text


@pytest.mark.parametrize(
    "route",
    [route for route in WITH_IDS if {"source_id", "set_id"} & set(route.id_parameters)],
    ids=name_of,
)
def test_an_own_thing_that_was_deleted_is_said_to_be_gone(everybody, route):
    ids = everybody.things("acme")
    with everybody.app.app_context():
        db.session.get_one(Source, ids["source_id"]).removed_at = clock.now()
        db.session.get_one(BackupSet, ids["set_id"]).deleted_at = clock.now()
        db.session.commit()

    response = call(everybody.client("root"), route, route.path("acme", ids))

    assert response.status_code == 404


@pytest.mark.parametrize("person", ["root", "bob", "nobody"])
@pytest.mark.parametrize("path", ["/no-such-page", "/t/acme/no-such-page", "/t/acme/runs/17"])
def test_an_unknown_path_is_not_found(everybody, person, path):
    assert everybody.client(person).get(path).status_code == 404


@pytest.mark.parametrize("route", POSTS, ids=name_of)
@pytest.mark.parametrize("headers", [{}, SWAP], ids=["page", "swap"])
def test_nothing_changes_without_the_token_of_the_form(everybody, monkeypatch, route, headers):
    monkeypatch.setitem(everybody.app.config, "WTF_CSRF_ENABLED", True)
    path = route.path("acme", everybody.things("acme"))

    response = call(everybody.client("root"), route, path, headers=headers)

    assert response.status_code == 400


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_the_request_touches_the_database_and_nothing_else(everybody, route):
    if route.endpoint in READS_VAULT:
        pytest.skip("streams from the vault, by design")
    path = route.path("acme", everybody.things("acme"))
    database = Path(everybody.app.extensions["settings"].home, "lastgood.db")
    call(everybody.client("root"), route, path)  # the first request may load code

    with watching(database) as reached_for:
        call(everybody.client("root"), route, path)

    assert reached_for == []
