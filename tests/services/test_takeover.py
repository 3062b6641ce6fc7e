"""What a dead worker left in doubt is decided by looking at the target."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.services.conftest import again
from tests.services.test_restores import captured, damage, make_plan
from webapp import clock
from webapp.connectors.writing import Permit, PermitRefused
from webapp.domain.runs import RunState
from webapp.errors import Refused
from webapp.extensions import db
from webapp.models import BackupSet, PlanItem, RestorePlan, Run, RunItem
from webapp.services import applying, captures, claims, holds, permits, restores, safety, work
from webapp.services.claims import LeaseLost

__all__ = ["captured", "damage", "make_plan"]


@pytest.fixture
def dying(enter, damage, make_plan, monkeypatch, rings) -> Run:
    """A restore whose worker died after it had written the first item and before it said so."""
    damage()
    plan = make_plan(delete=True)
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    rings.clear()
    original = applying._Restore._one

    def die(self, writer, row):
        self._attempt(writer, row)  # written, and never said
        raise LeaseLost

    monkeypatch.setattr(applying._Restore, "_one", die)
    work.carry_out(run.id, owner="dying")
    monkeypatch.setattr(applying._Restore, "_one", original)
    db.session.query(Run).filter_by(id=run.id).update(
        {"lease_until": clock.now() - timedelta(seconds=1)}
    )
    db.session.commit()
    return run


def in_doubt(run: Run) -> list[str]:
    rows = db.session.query(RunItem).filter_by(run_id=run.id, outcome=None)
    return [item.item_key for item in rows.order_by(RunItem.position)]


def test_an_item_that_was_written_counts_as_done(dying, www):
    assert in_doubt(dying)

    work.carry_out(dying.id, owner="next")

    run = again(dying)
    assert (run.status, run.attempt) == (RunState.SUCCEEDED, 2)
    assert run.succeeded == run.total_items
    assert in_doubt(dying) == []
    assert (www / "page0.html").read_text() == "<p>0</p>\n"


def test_an_item_that_fits_neither_is_a_conflict_and_stays(dying, www):
    (www / "page1.html").write_text("somebody else was here\n")

    work.carry_out(dying.id, owner="next")

    run = again(dying)
    item = db.session.query(RunItem).filter_by(run_id=run.id, item_key="tree:page1.html").one()
    assert (item.outcome, item.reason_code) == ("failed", "conflict")
    assert run.status is RunState.PARTIAL
    assert (www / "page1.html").read_text() == "somebody else was here\n"


def test_the_safety_capture_is_made_once(dying):
    before = db.session.query(BackupSet).filter_by(run_id=dying.id).count()

    work.carry_out(dying.id, owner="next")

    assert before == 1
    assert db.session.query(BackupSet).filter_by(run_id=dying.id).count() == 1


@pytest.fixture
def permit(enter, damage, make_plan, rings) -> Permit:
    """A permit that holds: its run is running and executes the approved plan."""
    damage()
    plan = make_plan()
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    rings.clear()
    held = claims.claim(run.id, owner="test", at=clock.now())
    return Permit(run_id=run.id, fence=held.fence, plan_id=plan.id, digest=plan.digest)


def refused(permit: Permit, **other: object) -> bool:
    import dataclasses

    db.session.rollback()
    try:
        permits.DatabaseAuthority().confirm(dataclasses.replace(permit, **other))
    except PermitRefused:
        return True
    return False


def test_a_permit_holds_while_its_run_does(permit):
    assert not refused(permit)


@pytest.mark.parametrize(
    "other",
    [{"fence": 7}, {"digest": "0" * 64}, {"digest": ""}, {"plan_id": UUID(int=1)}],
    ids=["an older fence", "another digest", "no digest", "another plan"],
)
def test_a_made_up_permit_is_refused(permit, other):
    assert refused(permit, **other)


def test_a_permit_ends_with_its_run(permit):
    db.session.get_one(Run, permit.run_id).status = RunState.FAILED
    db.session.commit()

    assert refused(permit)


def test_a_permit_ends_when_the_plan_is_no_longer_executing(permit):
    db.session.get_one(RestorePlan, permit.plan_id).state = "stale"
    db.session.commit()

    assert refused(permit)


def test_nothing_is_captured_while_it_is_restored(enter, website, permit, monkeypatch, work_off):
    monkeypatch.setattr(holds, "PATIENCE_SECONDS", 0)
    held = claims.Claim(
        run_id=permit.run_id, tenant_id=website.tenant_id, run_type="restore_run",
        action="apply", fence=permit.fence, attempt=1,
    )  # fmt: skip
    holds.take(held, dict(website.config))
    run, _ = captures.start(enter("olga"), website.id)

    work_off()

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "target_busy")


def test_nothing_is_written_when_the_safety_capture_fails(
    enter, damage, make_plan, monkeypatch, work_off, www
):
    damage()
    plan = make_plan()

    def full(*_args, **_more):
        raise Refused("safety_failed", "no space")

    monkeypatch.setattr("webapp.services.safety._capture", full)
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    work_off()

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "safety_failed")
    assert (www / "page0.html").read_text() == "<p>hacked</p>\n"
    assert not (www / "page1.html").exists()


def test_nothing_is_written_when_one_item_alone_cannot_be_secured(
    enter, damage, make_plan, monkeypatch, work_off, www
):
    damage()
    plan = make_plan()
    capture = safety._capture

    def capture_with_a_bad_sector(claim, subject, rows, *, vault, report):
        result = capture(claim, subject, rows, vault=vault, report=report)
        report.failed("tree:img/a.png", "read_error", "The disk reported an error.")
        return result

    monkeypatch.setattr("webapp.services.safety._capture", capture_with_a_bad_sector)
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    work_off()

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "safety_failed")
    assert "tree:img/a.png" in again(run).failure_reason
    assert (www / "page0.html").read_text() == "<p>hacked</p>\n"
    assert not (www / "page1.html").exists()


def test_an_item_captured_in_another_state_is_not_written(enter, damage, make_plan, work_off, www):
    """An undo would bring back what was never there."""
    damage()
    plan = make_plan()
    (www / "page0.html").write_text("newer\n")

    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    work_off()

    item = db.session.query(RunItem).filter_by(run_id=run.id, item_key="tree:page0.html").one()
    assert (item.outcome, item.reason_code) == ("failed", "target_changed")
    assert db.session.query(PlanItem).filter_by(plan_id=plan.id).count()


def test_a_restore_that_is_given_up_has_an_outcome_for_each_item(dying):
    """Also for those whose turn never came."""
    db.session.query(RunItem).filter_by(run_id=dying.id, item_key="tree:page1.html").delete()
    db.session.query(Run).filter_by(id=dying.id).update({"attempt": claims.MOST_ATTEMPTS})
    db.session.commit()

    work.carry_out(dying.id, owner="next")

    run = again(dying)
    items = {item.item_key: item for item in db.session.query(RunItem).filter_by(run_id=run.id)}
    assert run.error_code == "worker_lost"
    assert len(items) == run.total_items == run.processed_items
    assert items["tree:page1.html"].reason_code == "not_attempted"
    assert (run.succeeded, run.failed, run.skipped) == (0, run.total_items - 1, 1)
