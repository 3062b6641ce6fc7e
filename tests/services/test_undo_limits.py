"""What undoing and removing must reach, and what they must leave alone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from tests.services.conftest import again
from tests.services.test_restores import (
    actions,
    captured,
    carry_out,
    damage,
    make_plan,
    pictured,
)
from tests.services.test_takeover import dying, in_doubt
from webapp import clock
from webapp.domain.runs import RunState
from webapp.errors import NotFound, Refused
from webapp.extensions import db
from webapp.models import BackupSet, Run, RunItem, Tenant
from webapp.services import captures, claims, holds, plans, restores, sets, sources, undo, work

__all__ = ["captured", "carry_out", "damage", "dying", "make_plan"]


@pytest.fixture
def undo_plan(enter, work_off):
    def undo_plan(run):
        preview, _ = restores.undo(enter("olga"), run.id)
        work_off()
        assert again(preview).status is RunState.SUCCEEDED, again(preview).failure_reason
        return plans.of_run(enter("olga"), preview.id)

    return undo_plan


def test_undo_is_refused_once_the_source_points_elsewhere(
    enter, damage, make_plan, carry_out, website, www
):
    damage()
    run = carry_out(make_plan())
    other = www.with_name("other")
    shutil.copytree(www, other)
    sources.edit(enter(), website.id, name="website", config={"path": str(other)})

    with pytest.raises(Refused) as refused:
        restores.undo(enter("olga"), run.id)

    assert refused.value.code == "target_differs"


def test_undo_is_over_once_what_was_overwritten_is_in_the_trash(
    enter, damage, make_plan, carry_out
):
    damage()
    run = carry_out(make_plan())
    set_id = restores.safety_set_of(enter(), run.id)
    db.session.get_one(BackupSet, set_id).deleted_at = clock.now()
    db.session.commit()

    with pytest.raises(NotFound):
        restores.undo(enter("olga"), run.id)


def test_undo_removes_what_was_made_in_a_folder_that_was_refused(
    enter, make_plan, carry_out, undo_plan, www
):
    (www / "img" / "a.png").unlink()
    (www / "img").chmod(0o700)
    plan = make_plan()
    (www / "img").chmod(0o711)  # so its own row is refused, and the file in it is not
    run = carry_out(plan)
    assert (run.status, run.failed) == (RunState.PARTIAL, 1)
    assert (www / "img" / "a.png").exists()

    found = actions(enter, undo_plan(run))

    assert found == {"tree:img/a.png": "delete"}


def test_undo_reaches_what_was_written_and_is_not_as_planned(
    enter, damage, make_plan, carry_out, undo_plan, monkeypatch, www
):
    damage()
    before = pictured(www)
    monkeypatch.setattr("webapp.connectors.tree_writer.TreeWriter._seen", lambda *_: "odd")
    run = carry_out(make_plan())
    assert run.failed

    monkeypatch.undo()
    carry_out(undo_plan(run))

    assert pictured(www) == before


def test_a_restore_that_is_given_up_says_what_is_in_doubt_and_can_be_undone(
    enter, dying, undo_plan, carry_out, www
):
    doubtful = in_doubt(dying)
    db.session.query(Run).filter_by(id=dying.id).update({"attempt": claims.MOST_ATTEMPTS})
    db.session.commit()

    work.carry_out(dying.id, owner="next")

    run = again(dying)
    items = db.session.query(RunItem).filter_by(run_id=run.id, reason_code="in_doubt").all()
    assert {item.item_key for item in items} == set(doubtful)
    assert (run.status, run.failed) == (RunState.FAILED, len(doubtful))
    assert in_doubt(run) == []
    carry_out(undo_plan(run))
    assert (www / "page0.html").read_text() == "<p>hacked</p>\n"
    assert {change.key for change in undo.changes_of(run.id)} == set(doubtful)


def test_what_the_safety_set_lacks_is_never_taken_for_something_to_remove(
    enter, damage, make_plan, carry_out, work_off, www
):
    damage()
    run = carry_out(make_plan())
    item = db.session.query(RunItem).filter_by(run_id=run.id, item_key="tree:page1.html").one()
    item.before_hash = "it was there"
    db.session.commit()

    preview, _ = restores.undo(enter("olga"), run.id)
    work_off()

    assert (again(preview).status, again(preview).error_code) == (RunState.FAILED, "not_in_set")
    assert (www / "page1.html").exists()


def test_a_database_that_was_captured_apart_is_no_stray_file_of_the_folder(
    enter, make_plan, work_off, www
):
    with closing(sqlite3.connect(www / "shop.db")) as database:
        database.execute("CREATE TABLE orders (id)")
    config = {"path": str(www), "db": f"sqlite:///{www}/shop.db"}
    shop = sources.add(enter(), kind="site", name="shop", config=config)
    run, _ = captures.start(enter("olga"), shop.id)
    work_off()
    made = sets.of_run(enter("olga"), again(run)).id
    sources.edit(enter(), shop.id, name="shop", config={"path": str(www)})
    (www / "extra.txt").write_text("came later")

    found = actions(enter, make_plan(made, delete=True))

    assert (found["tree:shop.db"], found["tree:extra.txt"]) == ("blocked", "delete")


def test_an_approval_of_ones_own_does_not_outlive_the_choice_for_two_people(
    enter, damage, make_plan
):
    damage()
    plan = make_plan()
    restores.request(enter("olga"), plan.id, reason="because")
    restores.approve(enter("olga"), plan.id, reason="why not")
    db.session.query(Tenant).filter_by(slug="acme").one().needs_two_people = ["live_restore"]
    db.session.commit()

    with pytest.raises(Refused) as refused:
        restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")

    assert refused.value.code == "not_approved"


def test_a_place_under_restore_is_held_by_every_name_it_has(enter, damage, make_plan, rings, www):
    damage()
    plan = make_plan()
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    rings.clear()
    link = www.with_name("link")
    link.symlink_to(www)

    holds.take(claims.claim(run.id, owner="t", at=clock.now()), {"path": str(www)})

    assert not holds.is_free({"path": str(link / "img")})
    assert holds.is_free({"path": str(www.with_name("other"))})
    assert timedelta(0) < again(run).lease_until - clock.now()


@pytest.mark.parametrize("items", [(), ("tree:img",)], ids=["whole", "folder"])
def test_a_safety_set_that_lacks_the_folders_above_can_be_restored_itself(
    enter, make_plan, carry_out, items, www
):
    before = pictured(www)
    (www / "img" / "a.png").write_bytes(b"broken")  # changes no folder
    damaged = pictured(www)
    run = carry_out(make_plan())
    assert pictured(www) == before

    carry_out(make_plan(restores.safety_set_of(enter("olga"), run.id), items=items))

    assert pictured(www) == damaged


def test_a_restore_that_has_no_place_for_the_database_is_not_whole(
    enter, make_plan, carry_out, work_off, www
):
    with closing(sqlite3.connect(www / "shop.db")) as database:
        database.execute("CREATE TABLE orders (id)")
    config = {"path": str(www), "db": f"sqlite:///{www}/shop.db"}
    shop = sources.add(enter(), kind="site", name="shop", config=config)
    run, _ = captures.start(enter("olga"), shop.id)
    work_off()
    made = sets.of_run(enter("olga"), again(run)).id
    other = www.with_name("other")
    bare = sources.add(enter(), kind="site", name="bare", config={"path": str(other)})

    run = carry_out(make_plan(made, to_source_id=bare.id))

    assert (run.status, run.failed, run.skipped) == (RunState.PARTIAL, 1, 0)
    item = db.session.query(RunItem).filter_by(run_id=run.id, item_key="db:shop").one()
    assert (item.outcome, item.message) == ("failed", "This target has no place for it.")


def test_a_removal_that_is_blocked_leaves_a_restore_whole(
    enter, damage, make_plan, carry_out, captured, www
):
    damage()
    db.session.query(RunItem).filter_by(run_id=captured.run_id).update(
        {"item_key": "tree:extra.txt", "outcome": "skipped", "message": "It was locked."}
    )
    db.session.commit()

    run = carry_out(make_plan(delete=True))

    assert (run.status, run.failed, run.skipped) == (RunState.SUCCEEDED, 0, 1)
    assert (www / "extra.txt").exists()


def test_the_sets_of_a_removed_source_are_restored_into_a_folder(
    enter, captured, website, make_plan, carry_out, undo_plan, www
):
    before = pictured(www)
    sources.remove(enter(), website.id, "moved away")
    place = www.with_name("place")

    run = carry_out(make_plan(to_path=str(place)))

    assert run.status is RunState.SUCCEEDED
    assert pictured(place) == before
    assert carry_out(undo_plan(run)).status is RunState.SUCCEEDED
    assert not place.exists()
