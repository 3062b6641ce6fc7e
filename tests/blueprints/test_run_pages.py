"""Runs: lists, the live page, its fragments, and what can be done."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from bench.loading.asking import watched
from webapp import clock
from webapp.blueprints.runs.picture import Picture
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import Run


def at(run, tail=""):
    return f"/t/acme/runs/{run}{tail}"


def test_the_page_of_a_live_run_asks_again_every_second(cast, things):
    text = cast.bob.get(at(things.live_run)).text

    assert 'id="run-progress"' in text
    assert f'hx-get="{at(things.live_run, "/progress")}"' in text
    assert "4 of 10" in text
    assert "Half way." in text


def test_the_fragment_of_a_finished_run_carries_nothing_that_polls(cast, things):
    text = cast.bob.get(at(things.done_run, "/progress")).text

    assert "hx-" not in text
    assert 'data-status="succeeded"' in text
    assert "Everything expected was done." in text


def test_a_failed_run_says_why_and_what_was_lost(cast, things):
    text = cast.bob.get(at(things.failed_run)).text

    assert "The disk is gone." in text
    assert "No restore point was made." in text
    assert 'data-item-key="tree:lost.txt"' in text
    assert "hx-get" not in text.partition('id="main"')[2]


def test_the_log_is_read_from_where_it_was_left(cast, things):
    text = cast.bob.get(at(things.live_run, "/log?after=1")).text

    assert "Half way." in text
    assert "Begins." not in text
    assert "after=2" in text


def test_a_log_without_news_leaves_the_page_alone(cast, things):
    assert cast.bob.get(at(things.live_run, "/log?after=2")).status_code == 204


def test_a_finished_log_stops_asking(cast, things):
    response = cast.bob.get(at(things.done_run, "/log?after=0"))

    assert response.status_code == 200
    assert "hx-" not in response.text


@pytest.mark.parametrize("tail", ["", "/progress", "/log", "/items"])
def test_a_neighbour_is_refused(cast, things, tail):
    for place in (at(things.live_run, tail), f"/t/globex/runs/{things.live_run}{tail}"):
        response = cast.charlie.get(place)

        assert response.status_code == 403
        assert "Acme" not in response.text


def test_nobody_is_sent_to_sign_in(cast, things):
    assert cast.nobody.get(at(things.live_run)).status_code == 303


def test_an_operator_cancels_a_run(app, cast, things):
    response = cast.olga.post(at(things.live_run, "/cancel"))

    assert response.status_code == 303
    with app.app_context():
        assert db.session.get_one(Run, things.live_run).cancel_requested_at


@pytest.mark.parametrize("person", ["bob", "pete", "audrey", "charlie"])
@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_smaller_roles_do_not_touch_a_capture(cast, things, person, act):
    response = getattr(cast, person).post(at(things.live_run, f"/{act}"))

    assert response.status_code == 403


def test_a_failed_run_is_repeated_as_its_child(app, cast, things, rings):
    response = cast.olga.post(at(things.failed_run, "/retry"))

    assert response.status_code == 303
    with app.app_context():
        child = db.session.get_one(Run, UUID(rings[-1]))
        assert child.parent_run_id == things.failed_run


def test_buttons_that_a_role_cannot_use_are_not_shown(cast, things):
    assert "/cancel" in cast.olga.get(at(things.live_run)).text
    assert "/cancel" not in cast.bob.get(at(things.live_run)).text
    assert "/retry" not in cast.bob.get(at(things.failed_run)).text


@pytest.mark.parametrize(
    ("show", "present", "absent"),
    [
        ("", ("done_run", "live_run", "failed_run"), ()),
        ("running", ("live_run",), ("done_run", "failed_run")),
        ("failed", ("failed_run",), ("done_run", "live_run")),
    ],
)
@pytest.mark.parametrize("place", ["/t/acme/runs", "/runs"])
def test_a_list_shows_the_part_asked_for(cast, things, place, show, present, absent):
    text = cast.bob.get(f"{place}?show={show}").text

    assert all(f'data-run-id="{getattr(things, name)}"' in text for name in present)
    assert not any(f'data-run-id="{getattr(things, name)}"' in text for name in absent)


def test_the_list_of_all_shows_no_other_tenants_runs(cast, things):
    assert "data-run-id" not in cast.charlie.get("/runs").text


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        ({}, True),
        ({"HX-Request": "true"}, False),
        ({"HX-Request": "true", "HX-Boosted": "true"}, True),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, True),
    ],
    ids=["browser", "swap", "boosted link", "back button"],
)
def test_the_list_comes_whole_or_as_a_fragment(cast, things, headers, whole):
    response = cast.alice.get("/t/acme/runs", headers=headers)

    assert ("<html" in response.text) is whole
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [(2, "Waits for a worker."), (40, "Waits for a worker since 40 s.")],
)
def test_a_run_that_nobody_takes_up_says_so(seconds, sentence):
    now = clock.now()
    run = Run(
        run_type=RunType.CAPTURE, action="capture", status=RunState.QUEUED, phase="",
        queued_at=now - timedelta(seconds=seconds), read_bytes=0,
    )  # fmt: skip

    assert Picture.of(run, now).sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("facts", "share", "remaining"),
    [
        ({"total_bytes": 1000, "read_bytes": 620}, 62, "about 10 s left"),
        ({"total_items": 10, "processed_items": 4}, 40, "about 30 s left"),
        ({"total_items": 10, "processed_items": 10}, 99, "about 5 s left"),
        ({}, None, ""),
    ],
    ids=["bytes", "items", "never done before it is", "whole unknown"],
)
def test_a_live_run_says_how_far_it_is(facts, share, remaining):
    now = clock.now()
    run = Run(
        run_type=RunType.CAPTURE, action="capture", status=RunState.RUNNING, phase="reading",
        queued_at=now, started_at=now - timedelta(seconds=20),
        **{"read_bytes": 0, "processed_items": 0, **facts},
    )  # fmt: skip

    picture = Picture.of(run, now)

    assert (picture.share, picture.remaining) == (share, remaining)
    assert [step.state for step in picture.steps] == ["done", "now", "next"]


def test_a_poll_asks_for_the_person_the_tenant_and_the_run(app, cast, things):
    with app.app_context():
        engine = db.engine
    cast.bob.get(at(things.live_run, "/progress"))

    with watched(engine) as seen:
        cast.bob.get(at(things.live_run, "/progress"))

    assert len([text for text, _ in seen if text.startswith("SELECT")]) == 3
