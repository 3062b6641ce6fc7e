"""Repeating only what failed of a restore: by a preview of those items, as a child."""

from __future__ import annotations

import pytest

from tests.services.conftest import again
from tests.services.test_restores import captured, damage, make_plan
from webapp.domain.runs import RunState, RunType
from webapp.errors import ConnectorError, Refused
from webapp.extensions import db
from webapp.models import PlanItem, Run
from webapp.services import applying, plans, restores, retries

__all__ = ["captured", "damage", "make_plan"]


@pytest.fixture
def half_done(enter, damage, make_plan, monkeypatch, work_off) -> Run:
    """A restore of which one page could not be written."""
    damage()
    plan = make_plan()
    original = applying._Restore._apply

    def apply(self, writer, planned):
        if planned.key == "tree:page0.html":
            raise ConnectorError("write_error", "The disk reported an error.")
        return original(self, writer, planned)

    with monkeypatch.context() as patched:
        patched.setattr(applying._Restore, "_apply", apply)
        run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
        work_off()
    return again(run)


def test_what_failed_of_a_restore_is_previewed_once_more(enter, half_done, work_off):
    preview, is_new = retries.again(enter("olga"), half_done.id, failed_only=True)
    work_off()

    preview = again(preview)
    plan = plans.of_run(enter("olga"), preview.id)
    items = db.session.query(PlanItem).filter_by(plan_id=plan.id)
    assert is_new
    assert (preview.run_type, preview.parent_run_id) == (RunType.PREVIEW, half_done.id)
    assert preview.status is RunState.SUCCEEDED
    assert [item.item_key for item in items if item.action != "unchanged"] == ["tree:page0.html"]


def test_a_restore_as_a_whole_is_never_just_repeated(enter, half_done):
    with pytest.raises(Refused) as refused:
        retries.again(enter("olga"), half_done.id)

    assert refused.value.code == "needs_new_preview"


def test_a_restore_that_did_all_has_nothing_to_repeat(enter, damage, make_plan, work_off):
    damage()
    plan = make_plan()
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    work_off()

    with pytest.raises(Refused) as refused:
        retries.again(enter("olga"), run.id, failed_only=True)

    assert refused.value.code == "nothing_failed"
    assert not retries.can_repeat_failed(again(run))
