"""Lists that go on over many pages: every row is on one of them, and on one only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests import factories
from webapp import clock
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import Notification, RestoreRun, RunItem


def pages(client, address: str) -> Iterator[str]:
    """The page at an address, and those that its link to older ones leads to."""
    while address:
        text = client.get(address).text
        yield text
        older = re.search(r'href="([^"]*)">Older', text)
        address = older[1].replace("&amp;", "&") if older else ""


def shown(client, address: str, attribute: str) -> list[str]:
    found = [re.findall(rf'{attribute}="([^"]+)"', text) for text in pages(client, address)]
    assert len(found) > 1
    return [one for page in found for one in page]


@pytest.fixture
def failed(app, people) -> set[str]:
    """A hundred and twenty runs that were asked for at three moments, and all failed."""
    with app.app_context():
        source = factories.source(factories.tenant_called("acme"))
        at = clock.now() - timedelta(hours=1)
        runs = [
            factories.run(
                source, status=RunState.FAILED, queued_at=at + timedelta(seconds=number % 3)
            )
            for number in range(120)
        ]
        db.session.commit()
        return {str(run.id) for run in runs}


@pytest.mark.parametrize("show", ["", "?show=failed"], ids=["all", "failed"])
@pytest.mark.parametrize("place", ["/t/acme/runs", "/runs"])
@pytest.mark.parametrize("person", ["root", "bob"])
def test_runs_of_one_moment_are_shown_once_each(cast, failed, person, place, show):
    found = shown(getattr(cast, person), f"{place}{show}", "data-run-id")

    assert len(found) == len(failed)
    assert set(found) == failed


def test_all_runs_are_those_of_ones_own_tenants(cast, failed):
    assert "data-run-id" not in cast.charlie.get("/runs?show=failed").text


def test_sets_of_one_moment_are_shown_once_each(app, cast):
    with app.app_context():
        source, at = factories.source(factories.tenant_called("acme")), clock.now()
        sets = [factories.backup_set(factories.run(source), finished_at=at) for _ in range(70)]
        db.session.commit()
        made = {str(one.id) for one in sets}

    found = shown(cast.bob, "/t/acme/sets", "data-set-id")

    assert len(found) == len(made)
    assert set(found) == made


def test_a_page_in_the_middle_leads_back_to_the_newest(app, cast):
    with app.app_context():
        source = factories.source(factories.tenant_called("acme"))
        for _ in range(51):
            factories.backup_set(factories.run(source))
        db.session.commit()

    first, second = pages(cast.bob, "/t/acme/sets")

    assert "Newest" not in first
    assert "Newest" in second


@pytest.fixture
def restores(app, people) -> set[str]:
    """Three live restores that wrote four files each."""
    with app.app_context():
        point = factories.backup_set(
            factories.run(factories.source(factories.tenant_called("acme")))
        )
        source = point.source
        found = set()
        for _ in range(3):
            plan = factories.plan(point)
            run = factories.run(source, run_type=RunType.RESTORE, action="apply", succeeded=4)
            link = RestoreRun(
                tenant_id=run.tenant_id, run_id=run.id, plan_id=plan.id, is_dry_run=False,
                backup_set_id=point.id,
            )  # fmt: skip
            items = [
                RunItem(tenant_id=run.tenant_id, run_id=run.id, item_key=f"tree:{n}", position=n,
                        outcome="succeeded")
                for n in range(4)
            ]  # fmt: skip
            db.session.add_all([link, *items])
            found.add(str(run.id))
        db.session.commit()
        return found


@pytest.mark.parametrize("place", ["/t/acme/restore-log", "/restore-log"])
def test_the_restore_log_goes_on_page_by_page(cast, restores, place, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.restore_log._PAGE", 1)

    found = shown(cast.audrey, place, "data-run-id")

    assert len(found) == len(restores)
    assert set(found) == restores


def test_the_restore_log_shows_the_first_items_of_each(cast, restores, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.restore_log._ITEMS", 2)

    text = cast.audrey.get("/t/acme/restore-log").text

    assert re.findall(r'data-item-key="([^"]+)"', text) == ["tree:0", "tree:1"] * 3
    assert "the CSV has all of them" in text


def test_the_csv_has_all_items(cast, restores, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.restore_log._ITEMS", 2)

    text = cast.audrey.get("/t/acme/restore-log.csv", buffered=True).text

    assert text.count("tree:") == 12


def test_the_bell_counts_to_ninety_nine(app, cast):
    with app.app_context():
        tenant_id = factories.tenant_called("acme").id
        user_id = factories.user_called("bob").id
        db.session.add_all(
            Notification(
                tenant_id=tenant_id, user_id=user_id, type="alert", created_at=clock.now(),
                payload={"message": "Late."},
            )
            for _ in range(120)
        )  # fmt: skip
        db.session.commit()

    text = cast.bob.get("/account").text

    assert "99+" in text
    assert "Notifications, more than 99 unread" in text
