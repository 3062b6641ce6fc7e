"""The capture before the first write: whole, or nothing is written and nothing looks whole."""

from __future__ import annotations

import errno
import os

import pytest

from tests.services.conftest import again
from tests.services.test_restores import pictured
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.hosts.local import Folder
from webapp.models import RestoreRun
from webapp.services import captures, plans, restores, sets, vaults
from webapp.vault.retention.labels import is_good


@pytest.fixture
def plan(enter, website, work_off, www):
    """To bring two pages back that were changed since."""
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    made = sets.of_run(enter("olga"), again(run))
    for name in ("page0.html", "page1.html"):
        (www / name).write_text("<p>hacked</p>\n")
    run, _ = plans.preview(enter("olga"), made.id)
    work_off()
    return plans.of_run(enter("olga"), run.id)


def refuse(monkeypatch, call: str) -> None:
    """Let this folder's *call* fail for one page, as it does for who may not look."""
    real = getattr(Folder, call)

    def refusing(folder, path, *args, **more):
        if path == b"page0.html":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(folder, path, *args, **more)

    monkeypatch.setattr(Folder, call, refusing)


@pytest.mark.parametrize("call", ["entry", "open"])
def test_a_safety_capture_that_could_not_read_something_never_looks_complete(
    enter, plan, work_off, www, monkeypatch, call
):
    before = pictured(www)
    run, _ = restores.apply(
        enter("olga"), plan.id, reviewed=True, reason="it was hacked", confirm="acme"
    )
    with monkeypatch.context() as patch:
        refuse(patch, call)
        work_off()

    run = again(run)
    assert (run.status, run.error_code) == (RunState.FAILED, "safety_failed")
    assert "tree:page0.html" in run.failure_reason
    assert pictured(www) == before
    link = db.session.query(RestoreRun).filter_by(run_id=run.id).one()
    assert link.safety_set_id is None
    with vaults.opened(run.tenant_id) as vault:
        (snapshot,) = [one for one in vault.snapshots() if one.name.startswith("safety:")]
        kept = {entry.path for entry in vault.entries(snapshot)}
    assert kept == {b"tree/page1.html"}
    assert snapshot.counts["failed"] == 1
    assert not is_good(snapshot)


def test_a_whole_safety_capture_counts_no_failure(enter, plan, work_off):
    run, _ = restores.apply(
        enter("olga"), plan.id, reviewed=True, reason="it was hacked", confirm="acme"
    )
    work_off()

    assert again(run).status is RunState.SUCCEEDED
    with vaults.opened(run.tenant_id) as vault:
        (snapshot,) = [one for one in vault.snapshots() if one.name.startswith("safety:")]
    assert snapshot.counts["failed"] == snapshot.counts["skipped"] == 0
    assert is_good(snapshot)
