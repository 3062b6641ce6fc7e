"""Sources: list, page, adding, editing, removing, capturing, checking."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from webapp.blueprints.sources.base import KINDS
from webapp.extensions import db
from webapp.models import Run, Source
from webapp.services import sources


def test_the_list_says_how_safe_each_source_is(cast, things):
    text = cast.bob.get("/t/acme/sources").text

    assert "Documents" in text
    assert 'data-status="failed"' in text
    assert "The disk is gone." in text


def test_the_page_shows_restore_points_runs_and_settings(cast, things):
    text = cast.bob.get(f"/t/acme/sources/{things.source}").text

    assert f"/t/acme/sets/{things.backup_set}" in text
    assert f'data-run-id="{things.done_run}"' in text
    assert "/docs" in text


@pytest.mark.parametrize("tail", ["", "/check", "/edit", "/remove"])
def test_a_neighbour_is_refused(cast, things, tail):
    for tenant in ("acme", "globex"):
        response = cast.charlie.get(f"/t/{tenant}/sources/{things.source}{tail}")

        assert response.status_code == 403
        assert "Documents" not in response.text


@pytest.mark.parametrize("place", ["sources/new", "sources/new?kind=files", "sources/{}/edit"])
@pytest.mark.parametrize("person", ["bob", "olga", "pete"])
def test_only_a_manager_changes_what_is_protected(cast, things, place, person):
    response = getattr(cast, person).get(f"/t/acme/{place.format(things.source)}")

    assert response.status_code == 403


def test_each_kind_of_source_has_its_form(app, cast):
    with app.app_context():
        kinds = sources.kinds()

    assert set(kinds) <= {kind for kind, _, _ in KINDS}
    for kind, (_, fields) in kinds.items():
        text = cast.alice.get(f"/t/acme/sources/new?kind={kind}").text
        assert [f.name for f in fields if f'name="{f.name}"' not in text] == []


def test_a_new_source_is_looked_at_at_once(app, cast, people, tmp_path, rings):
    form = {"name": "Photos", "path": str(tmp_path / "acme" / "photos"), "recovery_hours": "4"}

    response = cast.alice.post("/t/acme/sources/new?kind=files", data=form)

    assert response.status_code == 303
    with app.app_context():
        source = db.session.scalars(select(Source)).one()
        run = db.session.scalars(select(Run)).one()
        assert (source.name, source.recovery_point_minutes) == ("Photos", 240)
        assert (run.action, run.source_id, rings) == ("check", source.id, [str(run.id)])


def test_a_wrong_path_is_said_beside_its_field_and_nothing_is_lost(cast, people):
    form = {"name": "Secrets", "path": "/etc", "recovery_hours": "4"}

    response = cast.alice.post("/t/acme/sources/new?kind=files", data=form)

    assert response.status_code == 422
    assert "outside the folders granted" in response.text
    assert 'value="Secrets"' in response.text
    assert 'aria-describedby="path-error' in response.text


@pytest.mark.parametrize("hours", ["often", "0", "-1", "1e9", "nan"])
def test_a_recovery_target_is_a_sensible_number(cast, people, tmp_path, hours):
    form = {"name": "Photos", "path": str(tmp_path / "acme"), "recovery_hours": hours}

    assert cast.alice.post("/t/acme/sources/new?kind=files", data=form).status_code == 422


def test_editing_keeps_what_is_not_changed(app, cast, things, tmp_path):
    form = {"name": "Papers", "path": str(tmp_path / "acme" / "docs")}

    response = cast.alice.post(f"/t/acme/sources/{things.source}/edit", data=form)

    assert response.status_code == 303
    with app.app_context():
        assert db.session.get_one(Source, things.source).name == "Papers"


def test_removing_needs_its_name_and_a_reason(app, cast, things):
    place = f"/t/acme/sources/{things.source}/remove"

    assert cast.alice.get(place).status_code == 200
    assert cast.alice.post(place, data={"typed": "Documents"}).status_code == 422
    assert cast.alice.post(place, data={"typed": "x", "reason": "old"}).status_code == 422
    with app.app_context():
        assert db.session.get_one(Source, things.source).removed_at is None

    done = cast.alice.post(place, data={"typed": "Documents", "reason": "old"})

    assert done.status_code == 303
    assert cast.alice.get(f"/t/acme/sources/{things.source}").status_code == 404


def test_a_second_capture_leads_to_the_same_run(cast, things):
    place = f"/t/acme/sources/{things.source}/capture"

    first, second = cast.olga.post(place), cast.olga.post(place)

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location


@pytest.mark.parametrize("person", ["bob", "pete", "audrey", "charlie"])
@pytest.mark.parametrize("act", ["capture", "check"])
def test_smaller_roles_start_nothing(cast, things, person, act):
    response = getattr(cast, person).post(f"/t/acme/sources/{things.source}/{act}")

    assert response.status_code == 403


def test_a_check_is_asked_for_again_until_it_is_done(app, cast, things):
    cast.olga.post(f"/t/acme/sources/{things.source}/check")

    busy = cast.olga.get(f"/t/acme/sources/{things.source}/check").text
    with app.app_context():
        run = db.session.scalars(select(Run).where(Run.action == "check")).one()
        run.status = "succeeded"
        source = db.session.get_one(Source, things.source)
        source.check_status = "error"
        source.check_findings = [{"level": "error", "message": "It does not exist.", "code": ""}]
        source.checked_at = run.queued_at
        db.session.commit()
    done = cast.olga.get(f"/t/acme/sources/{things.source}/check").text

    assert "hx-get" in busy
    assert "hx-" not in done
    assert "It does not exist." in done
