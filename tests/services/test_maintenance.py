"""Live checks and verifications: runs like any other."""

from __future__ import annotations

import pytest

from tests.services.conftest import again
from webapp.domain.runs import RunState
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import BackupSet, Source
from webapp.services import captures, sets, sources, vaults


@pytest.fixture
def made(enter, website, work_off) -> BackupSet:
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    return sets.of_run(enter("olga"), again(run))


def test_a_check_keeps_what_it_found_beside_the_source(enter, website, work_off):
    run, _ = sources.check(enter("olga"), website.id)
    work_off()

    source = db.session.get_one(Source, website.id)
    assert again(run).status is RunState.SUCCEEDED
    assert source.check_status == "ok"
    assert source.check_findings[0]["message"]


def test_a_check_that_finds_nothing_fails_with_the_reason(enter, website, work_off, www):
    www.rename(www.with_name("gone"))

    run, _ = sources.check(enter("olga"), website.id)
    work_off()

    run, source = again(run), db.session.get_one(Source, website.id)
    assert (run.status, run.error_code) == (RunState.FAILED, "not_found")
    assert source.check_status == "error"


def test_what_was_checked_counts_no_more_after_an_edit(enter, website, work_off, www):
    sources.check(enter("olga"), website.id)
    work_off()

    sources.edit(enter("alice"), website.id, name="www", config={"path": str(www / "img")})

    assert db.session.get_one(Source, website.id).check_status is None


def test_a_sound_set_is_marked_as_verified(enter, made, work_off):
    made.verified_at = None
    db.session.commit()

    run, _ = sets.verify(enter("olga"), made.id)
    work_off()

    assert again(run).status is RunState.SUCCEEDED
    assert db.session.get_one(BackupSet, made.id).verified_at is not None


def test_a_damaged_set_is_not(enter, made, work_off):
    set_id = made.id
    made.verified_at = None
    db.session.commit()
    pack = max((vaults.folder(made.tenant_id) / "packs").rglob("*"), key=lambda p: p.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 3] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    db.session.rollback()

    run, _ = sets.verify(enter("olga"), set_id)
    work_off()

    run = again(run)
    assert run.status is RunState.FAILED
    assert run.error_code
    assert db.session.get_one(BackupSet, set_id).verified_at is None


def test_looking_at_a_source_is_for_operators(enter, website):
    with pytest.raises(Forbidden):
        sources.check(enter("bob"), website.id)


def test_two_sources_cannot_have_one_name(enter, website, www):
    from webapp.errors import Invalid

    with pytest.raises(Invalid):
        sources.add(enter("alice"), kind="files", name="website", config={"path": str(www)})


def test_a_pinned_set_says_so(enter, made):
    sets.pin(enter("alice"), made.id, pinned=True)

    assert sets.find(enter("bob"), made.id).pinned
