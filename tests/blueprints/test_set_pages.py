"""Restore points: the list, one of them, and what can be done to it."""

from __future__ import annotations

import pytest

from webapp.extensions import db
from webapp.models import BackupSet


def test_the_list_and_the_page_say_what_there_is(cast, things):
    listed = cast.bob.get("/t/acme/sets").text
    shown = cast.bob.get(f"/t/acme/sets/{things.backup_set}").text

    assert f'data-set-id="{things.backup_set}"' in listed
    assert 'data-item-key="tree:"' in shown
    assert "3 files" in shown


def test_the_list_is_narrowed_to_one_source(cast, things):
    mine = cast.bob.get(f"/t/acme/sets?source={things.source}").text
    other = cast.bob.get("/t/acme/sets?source=00000000-0000-0000-0000-000000000000").text

    assert "data-set-id" in mine
    assert "data-set-id" not in other


def test_a_neighbour_is_refused(cast, things):
    for tenant in ("acme", "globex"):
        assert cast.charlie.get(f"/t/{tenant}/sets/{things.backup_set}").status_code == 403


def test_nobody_is_sent_to_sign_in(cast, things):
    assert cast.nobody.get(f"/t/acme/sets/{things.backup_set}").status_code == 303


def test_a_manager_pins_it(app, cast, things):
    response = cast.alice.post(f"/t/acme/sets/{things.backup_set}/pin", data={"pinned": "1"})

    assert response.status_code == 303
    with app.app_context():
        assert db.session.get_one(BackupSet, things.backup_set).pinned


def test_an_operator_has_it_verified(cast, things, rings):
    response = cast.olga.post(f"/t/acme/sets/{things.backup_set}/verify")

    assert response.location.endswith(rings[-1])
    assert "Being verified" in cast.bob.get(f"/t/acme/sets/{things.backup_set}").text


@pytest.mark.parametrize(
    ("person", "act"),
    [("bob", "pin"), ("olga", "pin"), ("bob", "verify"), ("pete", "verify"), ("charlie", "pin")],
)
def test_smaller_roles_change_nothing(cast, things, person, act):
    response = getattr(cast, person).post(f"/t/acme/sets/{things.backup_set}/{act}")

    assert response.status_code == 403


def test_buttons_that_a_role_cannot_use_are_not_shown(cast, things):
    text = cast.bob.get(f"/t/acme/sets/{things.backup_set}").text

    assert "/archive" not in text
    assert "/browse" not in text
    assert "/verify" not in text
    assert "content right" in text
