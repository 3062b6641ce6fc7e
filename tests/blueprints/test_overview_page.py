"""The first page: every customer, worst first."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import event

from tests import factories
from webapp import clock
from webapp.blueprints.overview.summary import Summary, headline
from webapp.domain.actors import SYSTEM
from webapp.domain.health import Facts, Health, judge
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Source
from webapp.services import overview
from webapp.services.overview import Totals


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
    monkeypatch.setattr("webapp.blueprints.overview.PAGE", 1)

    first, second = cast.root.get("/").text, cast.root.get("/?offset=1").text

    assert shown(first) == ["acme"]
    assert "/?offset=1" in first
    assert shown(second) == ["globex"]
    assert "All 2 customers need you." in second


def test_customers_are_found_by_name_among_all(cast, things, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.overview.PAGE", 1)

    found = cast.root.get("/?q=glob").text

    assert shown(found) == ["globex"]
    assert "All 2 customers need you." in found
    assert "No customer’s name holds these words" in cast.root.get("/?q=nowhere").text
    assert "The list ends before this page" in cast.root.get("/?offset=9").text


def test_what_is_typed_is_shown_as_text(cast, things):
    assert "<b>x" not in cast.root.get("/?q=<b>x").text


def shown(page: str) -> list[str]:
    """The tenants of the list, in its order."""
    rows = page.partition('id="overview-table"')[2]
    return re.findall(r'data-tenant="([^"]+)"', rows)


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


def totals(healths: tuple[str, ...]) -> Totals:
    needing = sum(Health(word).needs_a_person for word in healths)
    return Totals(tenants=len(healths), needing=needing, first_name="Acme")


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
    assert headline(totals(healths)) == sentence


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


@pytest.mark.parametrize(
    ("sources", "within", "share"),
    [(0, 0, "–"), (3, 3, "100 %"), (3, 2, "66.6 %"), (10_000, 9_999, "99.9 %"), (4, 0, "0 %")],
)
def test_a_share_is_never_rounded_up_to_all(sources, within, share):
    assert Summary.of(Totals(sources=sources, within_target=within)).within_share == share


def test_only_complete_restore_points_that_are_left_protect():
    health, why = judge(Facts(target_minutes=60, last_state=RunState.SUCCEEDED), at=clock.now())

    assert (health, why) == (Health.UNKNOWN, "It has no complete restore point.")


def test_the_rows_add_up_to_the_totals(app, cast, things):
    with app.app_context():
        page = overview.page(SYSTEM, at=clock.now())

        assert [row.health for row in page.rows] == sorted(
            (row.health for row in page.rows), key=lambda health: health.rank
        )
        for name in ("sources", "protected", "within_target", "running", "stored_bytes"):
            assert getattr(page.totals, name) == sum(getattr(row, name) for row in page.rows)
        assert page.totals.needing == sum(row.health.needs_a_person for row in page.rows)


def test_many_runs_under_way_are_counted_and_the_oldest_is_shown(app, cast, things):
    with app.app_context():
        source = db.session.get_one(Source, things.source)
        for _ in range(3):
            factories.run(source, status=RunState.QUEUED)
        db.session.commit()

        (acme,) = [row for row in overview.rows(SYSTEM, at=clock.now()) if row.running]

        assert acme.running == 4
        assert acme.first_run.status is RunState.QUEUED
