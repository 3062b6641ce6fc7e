"""Runs that wait: for what may pass, for their time, for a place; and who may still have one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories
from tests.services.conftest import again
from tests.services.test_restores import captured, damage, make_plan
from webapp import clock
from webapp.domain import patience
from webapp.domain.runs import RunState, RunType
from webapp.errors import ConnectorError
from webapp.extensions import db
from webapp.models import BackupSet, Membership, Run, RunEvent, RunItem, TenantStatus
from webapp.services import applying, captures, claims, holds, restores, runs, work
from webapp.vault.errors import StorageBusy, StorageDenied, StorageUnavailable

__all__ = ["captured", "damage", "make_plan"]


@pytest.fixture
def queued(enter, website, rings) -> Run:
    run, _ = captures.start(enter("olga"), website.id)
    rings.clear()
    return run


@pytest.fixture
def failing(monkeypatch):
    """The work of captures raises what it is told to."""

    def fail(error: Exception) -> None:
        def stumble(_claim):
            raise error

        monkeypatch.setitem(work.WORK, (RunType.CAPTURE, "capture"), stumble)

    return fail


def time_passes(run: Run) -> None:
    db.session.rollback()
    db.session.query(Run).filter_by(id=run.id).update({"not_before": clock.now()})
    db.session.commit()


@pytest.mark.parametrize(
    "error",
    [
        StorageUnavailable("s3://b: no answer"),
        StorageBusy("s3://b: SlowDown"),
        ConnectorError("throttled", "It asks to be left alone for a while."),
        ConnectorError("unreachable", "It does not answer."),
        ConnectorError("server_error", "It reported an error of its own."),
    ],
    ids=lambda error: getattr(error, "code", ""),
)
def test_after_what_may_pass_a_run_waits_and_says_why(queued, failing, error):
    failing(error)

    work.carry_out(queued.id, owner="test")

    run = again(queued)
    assert (run.status, run.retries, run.attempt) == (RunState.QUEUED, 1, 0)
    assert run.not_before > run.queued_at
    assert "(try 2 of 5)" in run.waits_for


@pytest.mark.parametrize(
    "error",
    [
        StorageDenied("403"),
        ConnectorError("not_allowed", "The backup user may not read it."),
        PermissionError(13, "no"),
    ],
    ids=["the vault refuses", "the source refuses", "the system refuses"],
)
def test_a_refusal_is_never_tried_again(queued, failing, error):
    failing(error)

    work.carry_out(queued.id, owner="test")

    assert (again(queued).status, again(queued).retries) == (RunState.FAILED, 0)


def test_after_five_tries_it_has_failed(queued, failing):
    failing(StorageUnavailable("no answer"))

    for _ in range(7):
        time_passes(queued)
        work.carry_out(queued.id, owner="test")

    run = again(queued)
    assert (run.status, run.error_code, run.retries) == (RunState.FAILED, "storage_unavailable", 4)


def test_a_try_that_goes_well_ends_the_waiting(queued, failing, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(work.WORK, (RunType.CAPTURE, "capture"), _unavailable)
        work.carry_out(queued.id, owner="test")
    time_passes(queued)

    work.carry_out(queued.id, owner="test")

    run = again(queued)
    assert (run.status, run.waits_for, run.not_before) == (RunState.SUCCEEDED, "", None)


def _unavailable(_claim):
    raise StorageUnavailable("no answer")


def test_nobody_takes_a_run_before_its_time(enter, website, rings):
    later = clock.now() + timedelta(hours=1)
    access = enter("olga")
    run, _ = runs.request(
        access, RunType.CAPTURE, "capture", key="k", source_id=website.id, not_before=later
    )

    early = claims.claim(run.id, owner="test", at=clock.now())
    late = claims.claim(run.id, owner="test", at=later)

    assert rings == []
    assert early is None
    assert late is not None


def test_the_sweep_rings_when_a_waiting_run_is_due(queued, failing, rings):
    failing(StorageUnavailable("no answer"))
    work.carry_out(queued.id, owner="test")
    due = again(queued).not_before

    early = runs.sweep(at=due - timedelta(seconds=0.001))
    rung = runs.sweep(at=due + timedelta(seconds=1))

    assert (early, rung) == (0, 1)
    assert rings == [str(queued.id)]


def test_a_waiting_run_can_be_canceled(enter, queued, failing):
    failing(StorageUnavailable("no answer"))
    work.carry_out(queued.id, owner="test")

    runs.cancel(enter("olga"), queued.id)

    assert again(queued).status is RunState.CANCELED


def test_a_secret_in_a_reason_does_not_reach_the_database(queued, failing):
    failing(ConnectorError("unreachable", "postgresql://shop:hunter2@db does not answer."))
    work.carry_out(queued.id, owner="test")
    failing(ConnectorError("invalid", "Its password=hunter2 is wrong."))
    time_passes(queued)
    work.carry_out(queued.id, owner="test")

    run = again(queued)
    lines = [line.message for line in db.session.query(RunEvent).filter_by(run_id=run.id)]
    assert "hidden" in run.failure_reason
    assert "hunter2" not in " ".join([run.failure_reason, run.waits_for, *lines])


@pytest.fixture
def breaking(monkeypatch):
    """The vault does not answer when a page is to be restored, so many times."""

    def fail(times: int) -> list[str]:
        original, applied = applying._Restore._apply, []

        def apply(self, writer, planned):
            if planned.key == "tree:page0.html" and fail.left:
                fail.left -= 1
                raise StorageUnavailable("no answer")
            applied.append(planned.key)
            return original(self, writer, planned)

        fail.left = times
        monkeypatch.setattr(applying._Restore, "_apply", apply)
        return applied

    return fail


@pytest.fixture
def restore(enter, damage, make_plan, rings) -> Run:
    damage()
    plan = make_plan()
    run, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    rings.clear()
    return run


def test_a_restore_that_waited_goes_on_and_repeats_nothing(restore, breaking, www):
    applied = breaking(1)
    work.carry_out(restore.id, owner="first")
    waiting = again(restore).status
    time_passes(restore)

    work.carry_out(restore.id, owner="second")

    run = again(restore)
    assert waiting is RunState.QUEUED
    assert (run.status, run.succeeded) == (RunState.SUCCEEDED, run.total_items)
    pages = [key for key in applied if key.endswith(".html")]  # folders get their times last
    assert sorted(pages) == sorted(set(pages))
    assert db.session.query(BackupSet).filter_by(run_id=run.id).count() == 1
    assert (www / "page0.html").read_text() == "<p>0</p>\n"


def test_a_restore_whose_last_try_fails_gives_every_item_its_outcome(restore, breaking):
    breaking(patience.MOST_TRIES)

    for _ in range(patience.MOST_TRIES):
        time_passes(restore)
        work.carry_out(restore.id, owner="test")

    run = again(restore)
    items = db.session.query(RunItem).filter_by(run_id=run.id).all()
    assert (run.status, run.error_code) == (RunState.PARTIAL, "storage_unavailable")
    assert len(items) == run.total_items
    assert {item.outcome for item in items} == {"succeeded", "failed", "skipped"}


def test_a_restore_that_waits_in_its_middle_keeps_its_target(restore, breaking, enter, website):
    breaking(1)
    work.carry_out(restore.id, owner="first")
    db.session.rollback()

    assert again(restore).status is RunState.QUEUED
    assert not holds.is_free(dict(website.config))


def test_canceling_a_restore_that_waits_closes_its_open_items(restore, breaking, enter):
    breaking(1)
    work.carry_out(restore.id, owner="first")

    runs.cancel(enter("olga"), restore.id)

    assert again(restore).status is RunState.CANCELED
    assert db.session.query(RunItem).filter_by(run_id=restore.id, outcome=None).count() == 0


def disable() -> None:
    factories.user_called("olga").is_disabled = True


def expel() -> None:
    person = factories.user_called("olga")
    db.session.query(Membership).filter_by(user_id=person.id).delete()


def demote() -> None:
    person = factories.user_called("olga")
    db.session.query(Membership).filter_by(user_id=person.id).update({"role": "viewer"})


def suspend() -> None:
    factories.tenant_called("acme").status = TenantStatus.SUSPENDED


@pytest.mark.parametrize("change", [disable, expel, demote, suspend])
@pytest.mark.parametrize("kind", ["capture", "restore"])
def test_a_run_whose_right_was_lost_meanwhile_does_nothing(request, change, kind, www):
    run = request.getfixturevalue("queued" if kind == "capture" else "restore")
    before = db.session.query(BackupSet).count()
    db.session.rollback()
    change()
    db.session.commit()

    work.carry_out(run.id, owner="test")

    run = again(run)
    assert (run.status, run.error_code) == (RunState.FAILED, "not_allowed_any_more")
    assert db.session.query(BackupSet).count() == before
    assert kind == "capture" or (www / "page0.html").read_text() == "<p>hacked</p>\n"


def test_what_the_command_line_asked_for_needs_no_person(enter, website, work_off):
    run, _ = captures.start(enter(), website.id)

    work_off()

    assert again(run).status is RunState.SUCCEEDED
