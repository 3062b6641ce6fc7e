"""What goes wrong outside has a defined outcome and a sentence, and nothing is lost by it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.conftest import again
from webapp.domain.runs import RunState
from webapp.errors import ConfigError, Invalid
from webapp.extensions import db
from webapp.models import RunItem, Tenant
from webapp.services import captures, plans, restores, runs, sets, sources, vaults
from webapp.vault import LocalStorage

FULL_BYTES = 3 * 1024 * 1024


@pytest.fixture
def capture(enter, website, work_off):
    def capture():
        run, _ = captures.start(enter("olga"), website.id)
        work_off()
        return again(run)

    return capture


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    place = tmp_path / "acme" / "small"
    place.mkdir(parents=True)
    mounted = shutil.which("mount") and os.geteuid() == 0
    if mounted:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={FULL_BYTES}", "tmpfs", str(place)], check=False
        )
        mounted = made.returncode == 0
    if not mounted:
        pytest.skip("NOT PROVEN HERE: a full disk needs root and mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("/etc", "path"),
        ("relative/path", "path"),
        ("", "path"),
        ("{home}/vaults", "path"),
        ("{acme}/../globex", "path"),
    ],
    ids=["outside the roots", "relative", "empty", "our own data", "a neighbour's"],
)
def test_a_place_that_is_not_granted_cannot_be_a_source(enter, settings, tmp_path, place, field):
    path = place.format(home=settings.home, acme=tmp_path / "acme")

    with pytest.raises(Invalid) as invalid:
        sources.add(enter("alice"), kind="files", name="bad", config={"path": path})

    assert set(invalid.value.fields) == {field}


def test_our_own_data_below_a_granted_root_is_refused(enter, settings):
    access = enter()
    tenant = db.session.query(Tenant).filter_by(slug="acme").one()
    tenant.granted_roots = ["/"]
    db.session.commit()

    with pytest.raises(Invalid):
        sources.add(access, kind="files", name="bad", config={"path": str(settings.vaults)})


def test_a_link_that_leads_out_of_the_roots_is_not_followed(capture, www, tmp_path):
    shutil.rmtree(www)
    (tmp_path / "globex" / "secret").mkdir()
    www.symlink_to(tmp_path / "globex" / "secret")

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "outside_roots")


def test_a_file_in_the_folders_place_is_told_apart(capture, www):
    shutil.rmtree(www)
    www.write_text("a file")

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "not_a_folder")


def test_names_of_all_sorts_are_captured_and_restored(enter, capture, work_off, www):
    odd = [b"not-\xff-utf8", b"new\nline", b"x" * 255, b"-rf", b" space ", b"back\\slash"]
    for name in odd:
        (www / os.fsdecode(name)).write_text("odd")
    run = capture()
    for name in odd:
        (www / os.fsdecode(name)).unlink()
    preview, _ = plans.preview(enter("olga"), sets.of_run(enter("olga"), run).id)
    work_off()

    plan = plans.of_run(enter("olga"), preview.id)
    restore, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="odd", confirm="acme")
    work_off()

    assert run.status is RunState.SUCCEEDED
    assert again(restore).status is RunState.SUCCEEDED
    assert set(odd) <= set(os.listdir(os.fsencode(www)))


def test_a_locked_database_fails_alone(enter, work_off, www, monkeypatch):
    database = www / "shop.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
    config = {"path": str(www), "db": f"sqlite:///{database}"}
    source = sources.add(enter(), kind="site", name="shop", config=config)
    locker = sqlite3.connect(database, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("webapp.connectors.site.SiteConnector.__init__", _impatient())

    run, _ = captures.start(enter("olga"), source.id)
    work_off()
    locker.close()

    run = again(run)
    problems = runs.items(enter("olga"), run, only_problems=True)
    assert run.status is RunState.PARTIAL
    assert [(item.item_key, item.reason_code) for item in problems] == [("db:shop", "locked")]


def _impatient():
    from webapp.connectors.site import SiteConnector

    original = SiteConnector.__init__

    def init(self, config, surroundings, **more):
        original(self, config, surroundings, wait_seconds=0.2)

    return init


def test_a_full_vault_fails_the_capture_and_keeps_the_old_sets(
    enter, capture, website, small_disk, www, tmp_path
):
    first = capture()
    folder = vaults.folder(first.tenant_id)
    shutil.copytree(folder, small_disk, dirs_exist_ok=True)
    shutil.rmtree(folder)
    folder.symlink_to(small_disk)
    (www / "large").write_bytes(os.urandom(2 * FULL_BYTES))
    db.session.rollback()

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "storage_full")
    assert "space" in run.failure_reason
    assert sets.of_run(enter("olga"), run) is None
    (www / "large").unlink()
    db.session.rollback()
    with vaults.opened(first.tenant_id) as vault:
        assert vault.verify(read_data=1.0).ok


def test_a_full_target_is_told_and_leaves_nothing_half_written(
    enter, capture, work_off, small_disk, www
):
    for number in range(8):
        (www / f"large{number}").write_bytes(os.urandom(FULL_BYTES // 4))
    run = capture()
    preview, _ = plans.preview(
        enter("olga"), sets.of_run(enter("olga"), run).id, to_path=str(small_disk)
    )
    work_off()
    plan = plans.of_run(enter("olga"), preview.id)
    checks = {check["name"]: check["level"] for check in plan.checks}

    restore, _ = restores.apply(enter("olga"), plan.id, reviewed=True, reason="x", confirm="acme")
    work_off()

    restore = again(restore)
    assert checks["target_room"] == "error"
    assert (restore.status, restore.error_code) == (RunState.PARTIAL, "disk_full")
    assert restore.succeeded + restore.failed + restore.skipped == restore.total_items
    assert db.session.query(RunItem).filter_by(run_id=restore.id, outcome=None).count() == 0
    for path in small_disk.iterdir():
        if path.is_file():
            assert path.read_bytes() == (www / path.name).read_bytes()


def test_a_vault_that_is_gone_is_not_made_anew(capture):
    first = capture()
    shutil.rmtree(vaults.folder(first.tenant_id))
    db.session.rollback()

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "not_a_vault")


def test_a_vault_put_back_to_an_older_state_is_noticed(capture, www):
    first = capture()
    folder = vaults.folder(first.tenant_id)
    old = folder.with_name("old")
    shutil.copytree(folder, old)
    (www / "page0.html").write_text("newer")
    capture()
    shutil.rmtree(folder)
    old.rename(folder)
    db.session.rollback()

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "vault_rolled_back")


def test_opening_reads_one_snapshot_however_many_there_are(capture, www, monkeypatch):
    runs = [capture() for _ in range(3)]
    read = []
    get = LocalStorage.get

    def spy(self, name, **options):
        read.append(name)
        return get(self, name, **options)

    monkeypatch.setattr(LocalStorage, "get", spy)
    with vaults.opened(runs[0].tenant_id):
        db.session.rollback()

    assert len([name for name in read if name.startswith("snapshots/")]) == 1


def test_a_newest_snapshot_that_cannot_be_read_is_noticed(capture):
    first = capture()
    (newest,) = (vaults.folder(first.tenant_id) / "snapshots").iterdir()
    newest.chmod(0o600)
    newest.write_bytes(newest.read_bytes()[:100])
    db.session.rollback()

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "vault_rolled_back")


def test_another_tenants_vault_in_its_place_does_not_open(capture, enter, tmp_path, work_off):
    first = capture()
    (tmp_path / "globex" / "www").mkdir()
    (tmp_path / "globex" / "www" / "file").write_text("theirs")
    there = enter(tenant="globex")
    other = sources.add(
        there, kind="files", name="www", config={"path": str(tmp_path / "globex" / "www")}
    )
    run, _ = captures.start(there, other.id)
    work_off()
    shutil.rmtree(vaults.folder(first.tenant_id))
    shutil.copytree(vaults.folder(again(run).tenant_id), vaults.folder(first.tenant_id))
    db.session.rollback()

    run = capture()

    assert (run.status, run.error_code) == (RunState.FAILED, "wrong_key")


def test_a_missing_master_key_refuses_the_start(settings):
    from webapp import create_app

    settings.master_key_file.unlink()

    with pytest.raises(ConfigError, match="fingerprint"):
        create_app(settings)
    assert not settings.master_key_file.exists()


def test_a_vault_whose_making_was_cut_short_is_completed(capture, enter, monkeypatch):
    """A kill between two files of a new vault must not leave it unsound for good."""
    from webapp.vault import LocalStorage

    original, names = LocalStorage.put, []

    def dies_at_the_third(self, name, data):
        names.append(name)
        if len(names) == 3:
            raise OSError("killed")
        original(self, name, data)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "put", dies_at_the_third)
        first = capture()
    tenant_id = first.tenant_id
    db.session.rollback()

    run = capture()

    assert (first.status, run.status) == (RunState.FAILED, RunState.SUCCEEDED)
    db.session.rollback()
    with vaults.opened(tenant_id) as vault:
        assert vault.verify(read_data=1.0).errors == []


def test_an_item_that_is_not_utf8_is_named_by_its_bytes(enter, website, work_off):
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    made = sets.of_run(enter("olga"), again(run)).id

    run, _ = plans.preview(enter("olga"), made, items=["tree:\udcff"])
    work_off()

    assert again(run).failure_reason == r"This restore point does not hold tree:\xff."


def test_a_typed_path_that_is_not_utf8_is_refused(enter, website, work_off, www):
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    made = sets.of_run(enter("olga"), again(run)).id
    path = f"{www}/\udcff"

    with pytest.raises(Invalid, match="UTF-8"):
        sources.add(enter(), kind="files", name="odd", config={"path": path})
    with pytest.raises(Invalid, match="UTF-8"):
        plans.preview(enter("olga"), made, to_path=path)


def test_a_database_that_fails_is_named_as_it_would_be_if_it_did_not(enter, www, work_off):
    (www / "a\nb.db").write_bytes(b"garbage" * 1000)
    config = {"path": str(www), "db": f"sqlite:///{www}/a\nb.db"}
    shop = sources.add(enter(), kind="site", name="shop", config=config)

    run, _ = captures.start(enter("olga"), shop.id)
    work_off()

    keys = [item.item_key for item in runs.items(enter("olga"), again(run))]
    assert r"db:a\x0ab" in keys
