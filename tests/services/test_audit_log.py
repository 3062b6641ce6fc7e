"""Reading the log: who may, what a filter leaves, and what an export holds."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from tests.factories import tenant_called, user_called
from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.services import access, audit, audit_log
from webapp.services.audit_log import Filter

pytestmark = pytest.mark.usefixtures("people", "context")


def chain_for(name: str):
    actor = access.actor_of(user_called(name))
    return audit_log.of_tenant(access.enter(actor, "acme", Permission.VIEW))


@pytest.fixture
def chain():
    acme = tenant_called("acme")
    for actor, action, reason in (
        ("anna@example.com", "source.added", ""),
        ("bert@example.com", "run.started", "=HYPERLINK(1)"),
        ("anna@example.com", "run.started", "größer"),
    ):
        audit.record(Actor(label=actor), action, tenant=acme, reason=reason)
    audit.record(Actor(label="x"), "run.started", tenant=tenant_called("globex"))
    db.session.commit()
    return chain_for("audrey")


@pytest.mark.parametrize("name", ["olga", "pete", "bob"])
def test_whoever_may_not_see_the_log_does_not(name):
    with pytest.raises(Forbidden):
        chain_for(name)


def test_the_installation_s_log_is_for_msp_admins():
    with pytest.raises(Forbidden):
        audit_log.of_installation(access.actor_of(user_called("alice")))


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(), [3, 2, 1]),
        (Filter(actor="ANNA"), [3, 1]),
        (Filter(actor="%"), []),
        (Filter(action="run.started"), [3, 2]),
        (Filter(actor="anna", action="run.started"), [3]),
        (Filter(since=clock.now() + timedelta(days=1)), []),
        (Filter(until=clock.now() - timedelta(days=1)), []),
        (Filter(since=clock.now() - timedelta(days=1)), [3, 2, 1]),
    ],
)
def test_a_filter_leaves_what_it_says(chain, wanted, numbers):
    assert [e.seq for e in audit_log.newest(chain, wanted, limit=50)] == numbers


def test_the_next_page_goes_on_where_the_last_ended(chain):
    first = audit_log.newest(chain, Filter(), limit=2)

    second = audit_log.newest(chain, Filter(), limit=2, before=first[-1].seq)

    assert [e.seq for e in first + second] == [3, 2, 1]


def test_json_lines_hold_every_entry_of_this_tenant_alone(chain):
    documents = [json.loads(line) for line in audit_log.json_lines(chain, Filter())]

    assert [d["seq"] for d in documents] == [1, 2, 3]
    assert documents[2]["reason"] == "größer"


def test_a_cell_of_the_csv_is_never_a_formula(chain):
    rows = list(csv.DictReader(io.StringIO("".join(audit_log.csv_lines(chain, Filter())))))

    assert [row["reason"] for row in rows] == ["", "'=HYPERLINK(1)", "größer"]


def test_an_export_is_itself_in_the_log(chain):
    audit_log.note_export(chain, Filter(actor="anna"), "csv")

    newest = audit_log.newest(chain, Filter(), limit=1)[0]

    assert (newest.action, newest.actor) == ("audit.exported", "audrey@example.com")
    assert newest.details["actor"] == "anna"
