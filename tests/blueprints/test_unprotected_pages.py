"""The list of what is unprotected or overdue, on its pages and on the overview."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories
from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db

PLACES = ["/", "/unprotected", "/t/acme/", "/t/acme/unprotected"]


@pytest.fixture
def shop(app, cast):
    """A source of Acme's that was never captured, and has no schedule."""
    with app.app_context():
        made = factories.source(factories.tenant_called("acme"), name="shop")
        db.session.commit()
        return made.id


@pytest.fixture
def late(app, cast):
    """One with a schedule, whose newest restore point is too old since captures fail."""
    with app.app_context():
        made = factories.source(factories.tenant_called("acme"), name="late")
        at = clock.now() - timedelta(days=3)
        factories.backup_set(factories.run(made, queued_at=at), finished_at=at)
        factories.run(made, status=RunState.FAILED, failure_reason="The disk is gone.")
        factories.schedule(made)
        db.session.commit()
        return made.id


@pytest.mark.parametrize("place", PLACES)
def test_each_row_says_why_and_offers_what_helps(cast, shop, place):
    text = cast.alice.get(place).text

    assert f'data-source-id="{shop}" data-status="never"' in text
    assert "It has never been captured. No schedule captures it." in text
    assert f"/t/acme/sources/{shop}/capture" in text


def test_the_whole_list_offers_all_that_helps(cast, late):
    text = cast.alice.get("/unprotected").text

    assert "The last capture failed. The disk is gone." in text
    assert f"/t/acme/sources/{late}/capture" in text
    assert "The last run" in text


def test_a_schedule_is_offered_where_none_captures_it(cast, shop):
    text = cast.alice.get("/t/acme/unprotected").text

    assert f"/t/acme/schedules/new?source={shop}" in text


@pytest.mark.parametrize("place", PLACES)
def test_who_may_only_look_is_offered_nothing_to_start(cast, shop, place):
    response = cast.bob.get(place)

    assert response.status_code == 200
    assert "It has never been captured." in response.text
    assert "/capture" not in response.text.partition("unprotected-rows")[2].partition("</ul>")[0]


def test_a_neighbour_sees_nothing_of_it(cast, shop):
    assert "shop" not in cast.charlie.get("/unprotected").text
    assert cast.charlie.get("/t/acme/unprotected").status_code == 403
    assert cast.nobody.get("/unprotected").status_code == 303


def test_without_a_source_nothing_is_called_protected(cast):
    for place in ("/unprotected", "/t/acme/unprotected"):
        text = cast.alice.get(place).text
        assert "Nothing is protected yet" in text
        assert "No source is unprotected" not in text


def test_where_all_is_well_it_says_of_how_many(app, cast):
    with app.app_context():
        made = factories.source(factories.tenant_called("acme"))
        factories.backup_set(factories.run(made))
        factories.schedule(made)
        db.session.commit()

    text = cast.alice.get("/unprotected").text

    assert "No source is unprotected or overdue" in text
    assert "Each of the 1 " in text
    assert 'id="unprotected"' not in cast.alice.get("/").text


def test_a_long_list_has_pages(app, cast, shop, late, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.unprotected.PAGE", 1)

    first, second = cast.root.get("/unprotected").text, cast.root.get("/unprotected?offset=1").text

    assert ("shop" in first, "late" in first) == (True, False)
    assert "offset=1" in first
    assert ("shop" in second, "late" in second) == (False, True)
    assert "2 sources, the most urgent first" in second


def test_the_overview_shows_the_first_and_counts_all(app, cast, shop, late, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.overview.MOST_EXPOSED", 1)

    text = cast.root.get("/").text

    assert text.count("data-source-id=") == 1
    assert "All 2" in text
    assert "1 without a complete restore point, 1 past their target" in text


def test_an_overdue_source_is_not_told_twice(app, cast, late):
    from webapp.services import alerts

    with app.app_context():
        tenant = factories.tenant_called("acme")
        alerts.open(tenant.id, "source_overdue", f"source:{late}", "late is overdue.")
        alerts.open(tenant.id, "silence", "tenant", "Nothing ran for long.")

    for place in ("/", "/t/acme/"):
        text = cast.alice.get(place).text
        assert "late is overdue." not in text
        assert "Nothing ran for long." in text
        assert f'data-source-id="{late}" data-status="overdue"' in text
