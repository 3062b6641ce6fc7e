"""Ticking rows starts one run over many; its pages show each item."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories
from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import BulkOperationRun, Run, RunItem, Source

BULK = "/t/acme/bulk"


@pytest.fixture
def many(app, people) -> list[str]:
    with app.app_context():
        tenant = factories.tenant_called("acme")
        found = [str(factories.source(tenant, name=f"shop{n}").id) for n in range(3)]
        db.session.commit()
    return found


def only_run(app) -> tuple[str, dict[str, object]]:
    with app.app_context():
        link = db.session.query(BulkOperationRun).one()
        return str(link.run_id), {"items": link.item_ids, "action": link.action}


def test_ticked_sources_are_captured_by_one_run(app, cast, many):
    response = cast.olga.post(f"{BULK}/capture", data={"item": many[:2], "reason": "move"})

    run_id, facts = only_run(app)
    assert response.status_code == 303
    assert response.location.endswith(f"/t/acme/runs/{run_id}")
    assert facts == {"items": sorted(many[:2]), "action": "capture"}


def test_the_lists_offer_boxes_to_those_who_may_start_something(cast, many, things):
    for path in ("/t/acme/sources", "/t/acme/sets"):
        theirs, ours = cast.bob.get(path).text, cast.olga.get(path).text

        assert 'type="checkbox"' not in theirs
        assert 'type="checkbox"' in ours


def test_ticked_sets_are_verified(app, cast, things):
    cast.olga.post(f"{BULK}/verify", data={"item": [str(things.backup_set)]})

    assert only_run(app)[1] == {"items": [str(things.backup_set)], "action": "verify"}


def test_nothing_ticked_leads_back_with_a_word(cast, many):
    response = cast.olga.post(f"{BULK}/capture", data={}, follow_redirects=True)

    assert "Choose at least one" in response.text
    assert response.request.path == "/t/acme/sources"


def test_the_page_shows_each_item_with_its_outcome(app, cast, many):
    cast.olga.post(f"{BULK}/capture", data={"item": many})
    run_id, _ = only_run(app)
    with app.app_context():
        run = db.session.query(Run).one()
        db.session.add(
            RunItem(tenant_id=run.tenant_id, run_id=run.id, item_key=f"source:{many[0]}",
                    outcome="failed", reason_code="not_found", message="It does not exist.")
        )  # fmt: skip
        db.session.commit()

    page = cast.bob.get(f"{BULK}/{run_id}").text

    assert "Capture of 3 sources" in page
    assert "shop0" in page
    assert "It does not exist." in page
    assert 'hx-trigger="every 3s"' in page
    assert "<form" not in page.partition('id="bulk-items"')[2]


def test_the_items_stop_asking_when_the_run_has_ended(app, cast, many):
    cast.olga.post(f"{BULK}/capture", data={"item": many})
    run_id, _ = only_run(app)
    with app.app_context():
        db.session.query(Run).update({"status": RunState.SUCCEEDED})
        db.session.commit()

    assert "hx-get" not in cast.bob.get(f"{BULK}/{run_id}/items").text


def test_the_list_names_the_runs(app, cast, many):
    cast.olga.post(f"{BULK}/capture", data={"item": many})

    assert "Capture of 3 sources" in cast.bob.get(BULK).text
    assert "Capture of 3 sources" in cast.bob.get("/t/acme/runs").text


def test_a_run_that_is_no_bulk_run_is_refused_like_one_of_others(cast, things):
    assert cast.olga.get(f"{BULK}/{things.done_run}").status_code == 403


def test_a_partly_failed_bulk_run_offers_to_repeat_what_failed(app, cast, many):
    cast.olga.post(f"{BULK}/capture", data={"item": many})
    run_id, _ = only_run(app)
    with app.app_context():
        run = db.session.query(Run).one()
        run.status, run.failed, run.succeeded = RunState.PARTIAL, 1, 2
        for number, source_id in enumerate(many):
            db.session.add(
                RunItem(tenant_id=run.tenant_id, run_id=run.id, item_key=f"source:{source_id}",
                        position=number, outcome="failed" if not number else "succeeded")
            )  # fmt: skip
        db.session.commit()

    page = cast.olga.get(f"/t/acme/runs/{run_id}").text
    cast.olga.post(f"/t/acme/runs/{run_id}/retry", data={"failed_only": "1"})

    assert "Try again what failed" in page
    with app.app_context():
        child = db.session.query(Run).filter(Run.parent_run_id.is_not(None)).one()
        link = db.session.query(BulkOperationRun).filter_by(run_id=child.id).one()
        assert link.item_ids == [many[0]]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"waits_for": "the vault's place does not answer (try 2 of 5)", "in_seconds": 60},
         "because the vault&#39;s place does not answer (try 2 of 5)."),
        ({"waits_for": "this customer is paused"}, "Waits because this customer is paused."),
        ({"in_seconds": 60}, "Waits until "),
    ],
    ids=["after a failure", "held back", "for its time"],
)  # fmt: skip
def test_a_waiting_run_says_until_when_and_why(app, cast, many, facts, words):

    with app.app_context():
        source = db.session.query(Source).filter_by(name="shop0").one()
        seconds = facts.get("in_seconds")
        run = factories.run(
            source, status=RunState.QUEUED, started_at=None, finished_at=None,
            waits_for=facts.get("waits_for", ""),
            not_before=clock.now() + timedelta(seconds=seconds) if seconds else None,
        )  # fmt: skip
        db.session.commit()
        run_id = run.id

    page = cast.bob.get(f"/t/acme/runs/{run_id}").text

    assert words in page


def test_many_items_are_shown_part_by_part(app, cast, many, monkeypatch):
    monkeypatch.setattr("webapp.blueprints.bulk._ITEMS", 2)
    cast.olga.post(f"{BULK}/capture", data={"item": many})
    run_id, facts = only_run(app)

    first = cast.bob.get(f"{BULK}/{run_id}").text
    second = cast.bob.get(f"{BULK}/{run_id}?offset=2").text

    assert [item in first for item in facts["items"]] == [True, True, False]
    assert [item in second for item in facts["items"]] == [False, False, True]
    assert f"{run_id}?offset=2" in first
    assert f"{run_id}/items?offset=2" in second
    assert "0 of 3" in second
