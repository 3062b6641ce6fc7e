"""Captures: what a run counts, what it leaves, and when a set may be seen."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from tests.services.conftest import again
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState
from webapp.errors import Forbidden, Invalid
from webapp.extensions import db
from webapp.hosts import walk
from webapp.models import Membership, Source, User
from webapp.services import captures, run_views, sets, vaults
from webapp.vault.retention.labels import is_good


def test_a_folder_becomes_a_restore_point(enter, website, work_off):
    access = enter("olga")

    run, is_new = captures.start(access, website.id, reason="first")
    work_off()

    run = again(run)
    made = sets.of_run(access, run)
    assert is_new
    assert (run.status, run.succeeded, run.failed) == (RunState.SUCCEEDED, 6, 0)
    assert (made.item_count, made.reason) == (1, "first")
    assert made.verified_at is not None


def test_the_snapshot_of_a_set_verifies(enter, website, work_off):
    access = enter("olga")
    run, _ = captures.start(access, website.id)
    work_off()
    made = sets.of_run(access, again(run))
    tenant_id, snapshot_id = made.tenant_id, made.snapshot_ids[0]

    with vaults.opened(tenant_id) as vault:
        report = vault.verify(snapshot=snapshot_id, read_data=1.0)

    assert report.ok


def test_a_second_start_of_a_busy_source_leads_to_the_same_run(enter, website, rings):
    access = enter("olga")
    first, _ = captures.start(access, website.id)

    second, is_new = captures.start(access, website.id)

    assert not is_new
    assert second.id == first.id
    assert rings == [str(first.id)]


def test_a_viewer_may_not_capture(enter, website):
    with pytest.raises(Forbidden):
        captures.start(enter("bob"), website.id)


def test_a_neighbour_may_not_capture(enter, website):
    with pytest.raises(Forbidden):
        captures.start(enter("charlie", tenant="globex", to=Permission.OPERATE), website.id)


def test_an_unknown_type_is_refused(enter, website):
    with pytest.raises(Invalid):
        captures.start(enter("olga"), website.id, backup_type="everything")


def test_a_person_who_lost_the_right_meanwhile_captures_nothing(enter, website, work_off):
    access = enter("olga")
    run, _ = captures.start(access, website.id)
    user = db.session.query(User).filter_by(email="olga@example.com").one()
    db.session.query(Membership).filter_by(user_id=user.id).delete()
    db.session.commit()

    work_off()

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "not_allowed_any_more")


def test_a_source_that_vanished_fails_with_a_sentence(enter, website, work_off, www):
    access = enter("olga")
    run, _ = captures.start(access, website.id)
    www.rename(www.with_name("gone"))

    work_off()

    run = again(run)
    assert (run.status, run.error_code) == (RunState.FAILED, "not_found")
    assert run.failure_reason
    assert sets.of_run(access, run) is None


def test_a_socket_is_skipped_and_no_fault(enter, website, work_off, www):
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(www)
    listener.bind("sock")
    os.chdir(here)
    access = enter("olga")

    run, _ = captures.start(access, website.id)
    work_off()
    listener.close()

    run = again(run)
    problems = run_views.items(access, run, only_problems=True)
    assert (run.status, run.skipped) == (RunState.SUCCEEDED, 1)
    assert [(item.item_key, item.outcome) for item in problems] == [("tree:sock", "skipped")]


def test_an_empty_folder_is_no_backup(enter, website, work_off, www):
    for path in [*www.glob("*.html"), www / "img" / "a.png"]:
        path.unlink()
    (www / "img").rmdir()
    access = enter("olga")

    run, _ = captures.start(access, website.id)
    work_off()

    run = again(run)
    assert (run.status, run.error_code) == (RunState.FAILED, "nothing_found")
    assert sets.of_run(access, run) is None


def test_empty_folders_are_something(enter, website, work_off, www):
    for path in [*www.glob("*.html"), www / "img" / "a.png"]:
        path.unlink()

    run, _ = captures.start(enter("olga"), website.id)
    work_off()

    assert again(run).status is RunState.SUCCEEDED


def test_many_files_fewer_than_last_time_is_partial(enter, website, work_off, www):
    for number in range(50):
        (www / f"more{number}").write_text("x")
    access = enter("olga")
    captures.start(access, website.id)
    work_off()
    for number in range(50):
        (www / f"more{number}").unlink()

    run, _ = captures.start(access, website.id)
    work_off()

    run = again(run)
    assert run.status is RunState.PARTIAL
    assert run.has_shrunk


def test_a_reason_explains_why_there_is_less_and_it_stays_explained(enter, website, work_off, www):
    for number in range(50):
        (www / f"more{number}").write_text("x")
    access = enter("olga")
    captures.start(access, website.id)
    work_off()
    for number in range(50):
        (www / f"more{number}").unlink()

    explained, _ = captures.start(access, website.id, reason="The old shop is closed.")
    work_off()
    next_one, _ = captures.start(access, website.id)
    work_off()

    assert (again(explained).status, again(next_one).status) == (RunState.SUCCEEDED,) * 2


def test_a_removed_source_is_not_captured(enter, website, work_off):
    access = enter("olga")
    run, _ = captures.start(access, website.id)
    db.session.get_one(Source, website.id).removed_at = run.queued_at
    db.session.commit()

    work_off()

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "not_found")


def test_the_audit_log_has_start_and_end(enter, website, work_off):
    from webapp.models import AuditEntry

    captures.start(enter("olga"), website.id, reason="why not")
    work_off()

    entries = db.session.query(AuditEntry).order_by(AuditEntry.seq).all()
    told = [(entry.actor, entry.action) for entry in entries if entry.action.startswith("capture")]
    assert told == [("olga@example.com", "capture.started"), ("lastgood", "capture.ended")]


def test_a_snapshot_counts_what_the_walk_could_not_look_at(enter, website, work_off, monkeypatch):
    access, real = enter("olga"), os.lstat

    def lstat(name, **more):
        if name == b"img":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(name, **more)

    run, _ = captures.start(access, website.id)
    with monkeypatch.context() as patch:
        patch.setattr(walk.os, "lstat", lstat)
        work_off()

    made = sets.of_run(access, again(run))
    with vaults.opened(made.tenant_id) as vault:
        snapshot = vault.snapshot(made.snapshot_ids[0])
    assert snapshot.counts["failed"] == again(run).failed == 1
    assert not is_good(snapshot)
