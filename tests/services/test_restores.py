"""From preview to undo: the plan is the restore."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.services.conftest import again
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState
from webapp.errors import Forbidden, Invalid, Refused
from webapp.extensions import db
from webapp.models import AuditEntry, PlanItem, RestoreRun, Tenant
from webapp.services import captures, plans, restores, runs, sets, sources


def pictured(folder: Path) -> dict[str, object]:
    """Everything about a folder that a restore must bring back, folder times included."""
    found: dict[str, object] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        link = os.readlink(path) if path.is_symlink() else ""
        facts = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content, link)
        found[path.relative_to(folder).as_posix()] = facts
    return found


@pytest.fixture
def captured(enter, website, work_off):
    """The website's first backup set."""
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    return sets.of_run(enter("olga"), again(run))


@pytest.fixture
def damage(www):
    """Change one file, remove another, add a third."""

    def damage() -> None:
        (www / "page0.html").write_text("<p>hacked</p>\n")
        (www / "page1.html").unlink()
        (www / "extra.txt").write_text("not in the backup\n")
        (www / "img" / "a.png").write_bytes(b"broken")

    return damage


@pytest.fixture
def make_plan(enter, work_off, captured):
    def make_plan(set_id=None, name="olga", **options):
        run, _ = plans.preview(enter(name), set_id or captured.id, **options)
        work_off()
        run = again(run)
        assert run.status is RunState.SUCCEEDED, run.failure_reason
        return plans.of_run(enter(name), run.id)

    return make_plan


@pytest.fixture
def carry_out(enter, work_off):
    def carry_out(plan, name="olga"):
        run, _ = restores.apply(
            enter(name), plan.id, reviewed=True, reason="it was hacked", confirm="acme"
        )
        work_off()
        return again(run)

    return carry_out


def actions(enter, plan) -> dict[str, str]:
    return {row.item_key: row.action for row in plans.rows(enter("olga"), plan)}


def test_a_preview_says_what_would_be_done_and_does_nothing(enter, damage, make_plan, www):
    damage()
    before = pictured(www)

    plan = make_plan(delete=True)

    found = actions(enter, plan)
    assert found["tree:page0.html"] == "replace"
    assert found["tree:page1.html"] == "create"
    assert found["tree:extra.txt"] == "delete"
    assert found["tree:page2.html"] == "unchanged"
    assert plan.state is PlanState.READY
    assert len(plan.digest) == 64
    assert pictured(www) == before


def test_a_diff_needs_the_content_right(enter, damage, make_plan):
    damage()
    plan = make_plan()
    row = next(row for row in plans.rows(enter("olga"), plan) if row.item_key == "tree:page0.html")
    row_id = row.id

    text = plans.diff(enter("olga"), row_id)

    assert "hacked" in text
    with pytest.raises(Forbidden):
        plans.diff(enter("pete"), row_id)


def test_a_restore_brings_everything_back(damage, make_plan, carry_out, www):
    before = pictured(www)
    damage()

    run = carry_out(make_plan(delete=True))

    assert (run.status, run.failed, run.skipped) == (RunState.SUCCEEDED, 0, 0)
    assert pictured(www) == before


def test_a_restore_leaves_what_was_not_asked_for(damage, make_plan, carry_out, www):
    damage()

    run = carry_out(make_plan())

    assert run.status is RunState.SUCCEEDED
    assert (www / "extra.txt").exists()
    assert (www / "page1.html").read_text() == "<p>1</p>\n"


def test_only_the_chosen_items_are_restored(enter, damage, make_plan, carry_out, www):
    damage()

    carry_out(make_plan(items=["tree:img"]))

    assert (www / "img" / "a.png").read_bytes() == bytes(range(256)) * 8
    assert (www / "page0.html").read_text() == "<p>hacked</p>\n"


def test_undo_brings_back_the_damage_and_undo_of_undo_the_backup(
    enter, damage, make_plan, carry_out, work_off, www
):
    healthy = pictured(www)
    damage()
    damaged = pictured(www)
    first = carry_out(make_plan(delete=True))

    preview, _ = restores.undo(enter("olga"), first.id)
    work_off()
    undone = carry_out(plans.of_run(enter("olga"), preview.id))
    after_undo = pictured(www)
    preview, _ = restores.undo(enter("olga"), undone.id)
    work_off()
    carry_out(plans.of_run(enter("olga"), preview.id))

    assert after_undo.keys() == damaged.keys()
    assert {k: v for k, v in after_undo.items() if Path(k).suffix} == {
        k: v for k, v in damaged.items() if Path(k).suffix
    }
    assert {k: v for k, v in pictured(www).items() if Path(k).suffix} == {
        k: v for k, v in healthy.items() if Path(k).suffix
    }


def test_a_safety_set_holds_what_was_overwritten(enter, damage, make_plan, carry_out):
    damage()

    run = carry_out(make_plan(delete=True))

    link = db.session.query(RestoreRun).filter_by(run_id=run.id).one()
    safety = sets.find(enter("olga"), link.safety_set_id)
    assert safety.backup_type == "pre-restore"
    assert safety.verified_at is not None
    assert link.results["is_complete"]


def test_every_changed_item_is_in_the_audit_chain(damage, make_plan, carry_out):
    damage()

    run = carry_out(make_plan())

    entries = db.session.query(AuditEntry).filter_by(resource=f"run:{run.id}").all()
    changed = [entry for entry in entries if entry.action == "restore.items_changed"]
    keys = {item["key"] for entry in changed for item in entry.details["items"]}
    assert {"tree:page0.html", "tree:page1.html", "tree:img/a.png"} <= keys
    assert all(entry.actor == "olga@example.com" for entry in changed)


def test_an_item_that_changed_since_the_preview_is_refused(damage, make_plan, carry_out, www):
    damage()
    plan = make_plan()
    (www / "page0.html").write_text("somebody works here\n")

    run = carry_out(plan)

    assert run.status is RunState.PARTIAL
    assert (www / "page0.html").read_text() == "somebody works here\n"
    assert (www / "page1.html").exists()


def test_another_target_in_its_place_makes_the_plan_stale(enter, damage, make_plan, carry_out, www):
    damage()
    plan = make_plan()
    www.rename(www.with_name("moved"))
    www.mkdir()

    run = carry_out(plan)

    assert (run.status, run.error_code) == (RunState.FAILED, "plan_stale")
    assert list(www.iterdir()) == []
    assert plans.find(enter("olga"), plan.id).state is PlanState.STALE


def test_other_settings_make_the_plan_stale(enter, damage, make_plan, website, www):
    damage()
    plan = make_plan()
    other = www.with_name("other")
    sources.edit(enter(), website.id, name="website", config={"path": str(other)})

    with pytest.raises(Refused) as refused:
        restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")

    assert refused.value.code == "plan_stale"


def test_a_row_that_was_altered_in_the_database_is_not_carried_out(
    enter, damage, make_plan, carry_out, www
):
    damage()
    plan = make_plan()
    row = db.session.query(PlanItem).filter_by(plan_id=plan.id, action="replace").first()
    row.action = "delete"
    db.session.commit()
    before = pictured(www)

    run = carry_out(plan)

    assert (run.status, run.error_code) == (RunState.FAILED, "plan_altered")
    assert pictured(www) == before


def test_a_plan_is_carried_out_once(enter, damage, make_plan, carry_out):
    damage()
    plan = make_plan()
    carry_out(plan)

    with pytest.raises(Refused) as refused:
        carry_out(plan)

    assert refused.value.code == "plan_used"


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ({"reviewed": False}, Invalid),
        ({"reason": " "}, Invalid),
        ({"confirm": "globex"}, Refused),
    ],
    ids=["not reviewed", "no reason", "another tenant's name"],
)
def test_confirming_is_checked_here(enter, damage, make_plan, typed, error):
    damage()
    plan = make_plan()
    good = {"reviewed": True, "reason": "because", "confirm": "acme"}

    with pytest.raises(error):
        restores.apply(enter("olga"), plan.id, **{**good, **typed})

    assert plans.find(enter("olga"), plan.id).state is PlanState.READY


def test_where_two_people_are_demanded_nobody_restores_alone(enter, damage, make_plan):
    db.session.query(Tenant).filter_by(slug="acme").one().needs_two_people = ["live_restore"]
    db.session.commit()
    damage()
    plan = make_plan()
    confirmed = {"reviewed": True, "reason": "because", "confirm": "acme"}

    with pytest.raises(Refused) as alone:
        restores.apply(enter("olga"), plan.id, **confirmed)
    restores.request(enter("olga"), plan.id, reason="because")
    with pytest.raises(Refused) as own:
        restores.approve(enter("olga"), plan.id, reason="me too")
    restores.approve(enter("alice"), plan.id, reason="looks right")
    run, is_new = restores.apply(enter("olga"), plan.id, **confirmed)

    assert (alone.value.code, own.value.code) == ("not_approved", "own_request")
    assert is_new
    assert run.status is RunState.QUEUED


def test_a_previewer_may_ask_and_not_apply(enter, damage, make_plan):
    damage()
    plan = make_plan(name="pete")

    restores.request(enter("pete"), plan.id, reason="please")

    with pytest.raises(Forbidden):
        restores.apply(enter("pete"), plan.id, reviewed=True, reason="x", confirm="acme")


def test_a_viewer_may_not_preview(enter, captured):
    with pytest.raises(Forbidden):
        plans.preview(enter("bob"), captured.id)


def test_a_canceled_restore_uses_up_its_plan(enter, damage, make_plan, work_off, www):
    damage()
    plan = make_plan()
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    runs.cancel(enter("olga"), run.id)

    work_off()

    assert again(run).status is RunState.CANCELED
    assert plans.find(enter("olga"), plan.id).state is PlanState.STALE
    assert not (www / "page1.html").exists()


def test_a_folder_of_ones_choice_can_be_the_target(enter, make_plan, carry_out, www):
    place = www.parent / "elsewhere"

    run = carry_out(make_plan(to_path=str(place)))

    assert run.status is RunState.SUCCEEDED
    assert pictured(place) == pictured(www)


def test_a_folder_outside_the_granted_roots_is_refused(enter, captured, tmp_path):
    with pytest.raises(Refused) as refused:
        plans.preview(enter("olga"), captured.id, to_path=str(tmp_path / "globex"))

    assert refused.value.code == "outside_roots"


def test_what_the_capture_failed_to_read_is_not_removed(enter, captured, make_plan, www):
    from webapp.models import RunItem
    from webapp.models.columns import new_id

    db.session.add(
        RunItem(
            id=new_id(), tenant_id=captured.tenant_id, run_id=captured.run_id,
            item_key="tree:extra.txt", outcome="skipped", message="It was locked.",
        )
    )  # fmt: skip
    db.session.commit()
    (www / "extra.txt").write_text("could not be read")

    plan = make_plan(delete=True)

    assert actions(enter, plan)["tree:extra.txt"] == "blocked"


def test_what_a_pattern_left_out_then_is_not_removed_now(enter, website, work_off, make_plan, www):
    (www / "cache").mkdir()
    (www / "cache" / "page.tmp").write_text("was never to be in the backup")
    kept = dict(website.config)
    sources.edit(enter("alice"), website.id, name=website.name, config=kept | {"exclude": "cache"})
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    made = sets.of_run(enter("olga"), again(run)).id
    sources.edit(enter("alice"), website.id, name=website.name, config=kept)
    (www / "extra.txt").write_text("came later")

    found = actions(enter, make_plan(made, delete=True))

    assert (found["tree:cache"], found["tree:cache/page.tmp"]) == ("blocked", "blocked")
    assert found["tree:extra.txt"] == "delete"


def test_an_unknown_item_fails_the_preview(enter, captured, work_off):
    run, _ = plans.preview(enter("olga"), captured.id, items=["tree:nowhere"])

    work_off()

    run = again(run)
    assert (run.status, run.error_code) == (RunState.FAILED, "not_in_set")
    assert plans.of_run(enter("olga"), run.id).state is PlanState.STALE
