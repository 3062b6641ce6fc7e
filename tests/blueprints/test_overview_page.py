"""The first page: every customer, worst first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from webapp import clock
from webapp.blueprints.overview.summary import headline
from webapp.domain.actors import SYSTEM
from webapp.domain.health import Facts, Health, judge
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Source
from webapp.services import overview
from webapp.services.overview import TenantRow


def test_it_says_in_words_who_needs_somebody(cast, things):
    response = cast.alice.get("/")

    assert "Acme needs you." in response.text
    assert "The disk is gone." in response.text
    assert 'data-tenant="acme"' in response.text


def test_a_neighbour_sees_only_their_own(cast, things):
    response = cast.charlie.get("/")

    assert "Acme" not in response.text
    assert "Globex" in response.text


def test_nobody_is_sent_to_sign_in(cast):
    assert cast.nobody.get("/").status_code == 303


def test_the_list_comes_alone_for_a_swap(cast, things):
    response = cast.alice.get("/", headers={"HX-Request": "true"})

    assert "<html" not in response.text
    assert "HX-Request" in response.headers["Vary"]


def test_a_long_list_begins_with_the_most_urgent(cast, things, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.overview.MOST_ROWS", 1)

    first, whole = cast.root.get("/").text, cast.root.get("/?all=1").text

    assert 'data-tenant="acme"' in first
    assert 'data-tenant="globex"' not in first
    assert "Show all 2" in first
    assert 'data-tenant="globex"' in whole


def test_more_sources_need_no_more_queries(app, cast, things):
    def queries() -> int:
        with app.app_context():
            seen = []
            event.listen(db.engine, "before_cursor_execute", lambda *facts: seen.append(facts))
            overview.rows(SYSTEM, at=clock.now())
            return len(seen)

    before = queries()
    with app.app_context():
        tenant_id = db.session.get_one(Source, things.source).tenant_id
        for number in range(20):
            source = Source(
                tenant_id=tenant_id, kind="files", name=f"s{number}", created_at=clock.now()
            )
            db.session.add(source)
        db.session.commit()

    assert queries() == before


def row(health: Health) -> TenantRow:
    class Named:
        name = "Acme"

    return TenantRow(
        tenant=Named(), health=health, why="", sources=1, protected=1, within_target=1, worst=None,
        days=[], running=[], stored_bytes=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("healths", "sentence"),
    [
        ((), "There is no customer here yet."),
        (("safe",), "Acme is safe."),
        (("failed",), "Acme needs you."),
        (("safe", "running"), "All 2 customers are safe."),
        (("failed", "overdue"), "All 2 customers need you."),
        (("failed", "safe"), "1 of 2 customers needs you. One is safe."),
        (("failed", "partial", "safe", "safe"), "2 of 4 customers need you. 2 are safe."),
    ],
)
def test_the_headline_counts_customers(healths, sentence):
    assert headline([row(Health(word)) for word in healths]) == sentence


@pytest.mark.parametrize(
    ("age_hours", "last", "running", "expected"),
    [
        (None, None, False, Health.UNKNOWN),
        (None, None, True, Health.RUNNING),
        (None, RunState.PARTIAL, False, Health.PARTIAL),
        (None, RunState.FAILED, True, Health.FAILED),
        (1, RunState.SUCCEEDED, False, Health.SAFE),
        (1, RunState.SUCCEEDED, True, Health.RUNNING),
        (1, RunState.PARTIAL, False, Health.PARTIAL),
        (1, RunState.FAILED, False, Health.FAILED),
        (30, RunState.SUCCEEDED, False, Health.OVERDUE),
        (30, RunState.SUCCEEDED, True, Health.RUNNING),
    ],
)
def test_health_follows_from_stored_facts(age_hours, last, running, expected):
    now = clock.now()
    good_at = None if age_hours is None else now - timedelta(hours=age_hours)
    facts = Facts(
        target_minutes=24 * 60, newest_good_at=good_at, last_state=last, is_running=running
    )

    health, why = judge(facts, at=now)

    assert health is expected
    assert bool(why) is health.needs_a_person or running
