"""A restore that was killed is finished by the next, and what it had written stays."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time

import pytest

from tests.hosts.conftest import holdings
from tests.vault.conftest import KEY
from tests.vault.restoring.conftest import LONG_AGO, capture, half_files, leftovers, restore
from webapp.errors import ConnectorError
from webapp.hosts.restoring.marks import Mark
from webapp.hosts.restoring.target import FolderTarget
from webapp.items import EntryKind
from webapp.vault import LocalStorage, Vault

KILLS = 6


@pytest.fixture
def stored(tmp_path):
    """A vault on disk with some small and large files; its place and its only snapshot."""
    site, draw = tmp_path / "site", random.Random(7)
    for number in range(8):
        (site / f"folder-{number}").mkdir(parents=True)
        for each in range(60):
            (site / f"folder-{number}" / f"{each}").write_bytes(draw.randbytes(3_000))
        (site / f"folder-{number}" / "large").write_bytes(draw.randbytes(2_000_000))
    os.link(site / "folder-0" / "large", site / "zz-large")
    for path in (*site.rglob("*"), site):
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
    vault = Vault.create(LocalStorage(tmp_path / "vault"), wrap=KEY)
    return tmp_path / "vault", capture(vault, site)


def restore_until_killed(place, snapshot_id, target, started):
    vault = Vault.open(LocalStorage(place), wrap=KEY)
    with FolderTarget(target, section=b"tree") as opened:
        started.set()
        vault.restore(snapshot_id, opened)
        time.sleep(60)  # restored before the kill: its mark is still there


def kill_while_restoring(place, snapshot_id, target, after_seconds):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    arguments = (place, snapshot_id, target, started)
    process = context.Process(target=restore_until_killed, args=arguments)
    process.start()
    assert started.wait(30)
    time.sleep(after_seconds)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def whole_files(folder, site) -> dict[str, int]:
    """Each file that has its name, by inode; every one must be as it was captured."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(".lastgood"):
            name = str(path.relative_to(folder))
            assert path.read_bytes() == (site / name).read_bytes(), name
            found[name] = path.stat().st_ino
    return found


@pytest.mark.slow
def test_a_restore_that_is_killed_again_and_again_is_finished_by_the_next(stored, tmp_path):
    (place, snapshot), site, target = stored, tmp_path / "site", tmp_path / "target"
    draw, seen = random.Random(), {}
    for _ in range(KILLS):
        kill_while_restoring(place, snapshot.id, target, draw.uniform(0, 0.25))
        now = whole_files(target, site)
        assert {name: now.get(name) for name in seen} == seen  # nothing is written twice
        seen = now

    result, _ = restore(Vault.open(LocalStorage(place), wrap=KEY), snapshot.id, target)

    assert leftovers(target) == []
    assert holdings(target) == holdings(site)
    assert result.problems == ()
    assert {name: whole_files(target, site)[name] for name in seen} == seen


def test_what_a_dead_restore_left_goes_and_what_others_left_stays(vault, snapshot, target):
    (target / "a").mkdir(parents=True)
    dead, other = b"d" * 32, b"e" * 32
    (target / f".lastgood-{dead.decode()}-0.part").write_text("boot 1 0\n")
    (target / "a" / f".lastgood-{dead.decode()}-7.part").write_text("half")
    (target / "a" / f".lastgood-{other.decode()}-7.part").write_text("a live console's")

    restore(vault, snapshot, target)

    assert [path.name for path in leftovers(target)] == [f".lastgood-{other.decode()}-7.part"]


def test_a_part_keeps_the_mark_of_what_was_left_elsewhere(vault, snapshot, target):
    (target / "b").mkdir(parents=True)
    mark, rest = (f".lastgood-{'d' * 32}-{number}.part" for number in (0, 7))
    (target / mark).write_text("boot 1 0\n")
    (target / "b" / rest).write_text("half")

    restore(vault, snapshot, target, include=(b"tree/a",))

    assert sorted(path.name for path in leftovers(target)) == [mark, rest]


def test_two_restores_into_one_folder_do_not_meet(vault, snapshot, target):
    with (
        FolderTarget(target, section=b"tree"),
        pytest.raises(ConnectorError, match="Another restore is writing") as refused,
    ):
        restore(vault, snapshot, target)

    assert refused.value.code == "target_busy"
    restore(vault, snapshot, target)


@pytest.mark.parametrize(("boot", "content"), [("another", b"right"), (None, b"\0" * 5)])
def test_what_was_written_before_the_machine_died_is_read_again(
    vault, tmp_path, target, monkeypatch, boot, content
):
    """And nothing else is, if its size and time are right."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "file").write_bytes(b"right")
    os.utime(site / "file", ns=(LONG_AGO, LONG_AGO))
    snapshot = capture(vault, site)
    monkeypatch.setattr("webapp.vault.rows.UNSURE", 0)  # as if it had not been young
    restore(vault, snapshot, target)
    root = os.open(target, os.O_RDONLY)
    died = Mark(root, boot=boot)
    died.set(root_is_made=False)
    (target / "file").write_bytes(b"\x00" * 5)  # as a file system may leave it
    os.utime(target / "file", ns=(LONG_AGO, LONG_AGO))
    os.close(next(iter(died._held.values())))

    restore(vault, snapshot, target)

    os.close(root)
    assert (target / "file").read_bytes() == content
    assert leftovers(target) == []


def test_a_restore_that_fails_leaves_no_half_file(vault, snapshot, target, monkeypatch):
    def fail(*_):
        raise RuntimeError("pulled out")

    monkeypatch.setattr("webapp.vault.restoring.pieces.Digest.add", fail)

    with pytest.raises(RuntimeError):
        restore(vault, snapshot, target)

    assert half_files(target) == []
    stored = {e.path[5:]: e.size for e in vault.entries(snapshot) if e.kind is EntryKind.FILE}
    there = {path: what[3] for path, what in holdings(target).items() if path in stored}
    assert len(there) < len(stored)
    assert there == {path: stored[path] for path in there}


def test_what_a_restore_that_failed_had_written_is_read_again_if_the_machine_dies(
    vault, tmp_path, target, monkeypatch
):
    site = tmp_path / "site"
    site.mkdir()
    (site / "file").write_bytes(b"right")
    os.utime(site / "file", ns=(LONG_AGO, LONG_AGO))
    snapshot = capture(vault, site)
    monkeypatch.setattr("webapp.vault.rows.UNSURE", 0)  # as if it had not been young
    with FolderTarget(target, section=b"tree") as interrupted:
        vault.restore(snapshot, interrupted)  # and never finished
    (target / "file").write_bytes(b"\x00" * 5)  # as a file system may leave it
    os.utime(target / "file", ns=(LONG_AGO, LONG_AGO))
    monkeypatch.setattr("webapp.hosts.restoring.marks._boot", lambda: "the next")

    restore(vault, snapshot, target)

    assert (target / "file").read_bytes() == b"right"
    assert leftovers(target) == []


def test_a_restore_that_fails_before_it_begins_leaves_no_mark(target):
    with pytest.raises(KeyboardInterrupt), FolderTarget(target, section=b"tree"):
        raise KeyboardInterrupt

    assert leftovers(target) == []
