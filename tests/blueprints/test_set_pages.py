"""Restore points: the list, one of them, and what can be done to it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from webapp.domain.actors import SYSTEM
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.models import AuditEntry, BackupSet
from webapp.services import access as gate
from webapp.services import captures, sets, sources, work


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


@pytest.fixture
def captured(app, people, tmp_path, rings):
    """A real restore point of Acme's, made by a worker: names of all sorts, text, an image."""
    folder = tmp_path / "acme" / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "page.html").write_text("<script>alert(1)</script>\n")
    (folder / "sub" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (folder / "drawing.svg").write_text("<svg onload='alert(1)'/>")
    (folder / "raw.bin").write_bytes(b"\x00\x01")
    (folder / "empty.txt").touch()
    (folder / 'na"me\n.txt').write_text("odd\n")
    with app.app_context():
        access = gate.enter(SYSTEM, "acme", Permission.VIEW)
        source = sources.add(access, kind="files", name="Docs", config={"path": str(folder)})
        run, _ = captures.start(access, source.id)
        work.carry_out(run.id, owner="test")
        return sets.rows(gate.enter(SYSTEM, "acme", Permission.VIEW))[0].id


def test_folders_are_browsed_and_texts_read(cast, captured):
    top = cast.olga.get(f"/t/acme/sets/{captured}/browse").text
    tree = cast.olga.get(f"/t/acme/sets/{captured}/browse?item=tree:").text
    page = cast.olga.get(f"/t/acme/sets/{captured}/item?item=tree:page.html").text

    assert 'data-item-key="tree:"' in top
    assert 'data-item-key="tree:sub"' in tree
    assert 'data-item-key="tree:na&#34;me\\x0a.txt"' in tree
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_image_comes_in_a_sandbox(cast, captured):
    response = cast.olga.get(f"/t/acme/sets/{captured}/view?item=tree:sub/a.png", buffered=True)

    assert response.mimetype == "image/png"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["drawing.svg", "page.html", "raw.bin"])
def test_what_could_run_is_never_shown_inline(cast, captured, name):
    viewed = cast.olga.get(f"/t/acme/sets/{captured}/view?item=tree:{name}", buffered=True)
    loaded = cast.olga.get(f"/t/acme/sets/{captured}/download?item=tree:{name}", buffered=True)

    assert viewed.status_code == 404
    assert loaded.mimetype == "application/octet-stream"
    assert loaded.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in loaded.headers["Content-Security-Policy"]


def test_an_odd_name_makes_no_second_header(cast, captured):
    place = f"/t/acme/sets/{captured}/download"

    response = cast.olga.get(place, query_string={"item": 'tree:na"me\\x0a.txt'}, buffered=True)

    assert response.data == b"odd\n"
    assert "\n" not in response.headers["Content-Disposition"]


def test_the_whole_set_is_downloaded(cast, captured):
    response = cast.olga.get(f"/t/acme/sets/{captured}/archive", buffered=True)

    assert response.headers["Content-Disposition"].endswith(".tar.zst")
    assert response.data[:4] == b"\x28\xb5\x2f\xfd"


@pytest.mark.parametrize("item", ["tree:../etc", "what", "tree:nothing", "tree:page.html"])
def test_what_is_no_folder_there_is_not_found(cast, captured, item):
    assert cast.olga.get(f"/t/acme/sets/{captured}/browse?item={item}").status_code == 404


@pytest.mark.parametrize(
    "tail",
    [
        "browse",
        "item?item=tree:page.html",
        "archive",
        "view?item=tree:sub/a.png",
        "download?item=tree:page.html",
    ],
)
@pytest.mark.parametrize("person", ["bob", "pete", "audrey", "charlie"])
def test_content_is_a_right_of_its_own(cast, captured, person, tail):
    response = getattr(cast, person).get(f"/t/acme/sets/{captured}/{tail}")

    assert response.status_code == 403
    assert "alert" not in response.text


def test_looking_is_in_the_audit_log(app, cast, captured):
    cast.olga.get(f"/t/acme/sets/{captured}/item?item=tree:page.html")
    cast.olga.get(f"/t/acme/sets/{captured}/download?item=tree:page.html", buffered=True)

    with app.app_context():
        acts = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)).all()
    assert acts[-2:] == ["content.viewed", "content.downloaded"]
