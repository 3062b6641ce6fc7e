"""Invariant 2: killing a writer at any instruction loses at most the unfinished snapshot; the next
run needs no repair and no lock removal."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import FolderSource, Notes
from tests.vault.trees import contents
from webapp.vault import LocalStorage, Vault

KILLS = 15


def change(site: Path, draw: random.Random) -> None:
    """Something new for each run, so that packs are written."""
    site.mkdir(exist_ok=True)
    (site / f"new-{draw.randrange(5)}").write_bytes(draw.randbytes(3_000_000))
    (site / f"big-{draw.randrange(2)}").write_bytes(draw.randbytes(9_000_000))
    for number in range(20):
        (site / f"small-{number:02}").write_bytes(draw.randbytes(draw.randrange(9_000)))


def plain(site: Path) -> dict[bytes, bytes]:
    return {b"tree/" + os.fsencode(path.name): path.read_bytes() for path in site.iterdir()}


def write_until_killed(site: Path, place: Path, started: Event) -> None:
    vault = Vault.open(LocalStorage(place), wrap=KEY)
    started.set()
    while True:
        vault.backup(FolderSource(site), name="site", report=Notes(), parent=None)


def kill_while_writing(site: Path, place: Path, after_seconds: float) -> None:
    kill_while_running(write_until_killed, (site, place), after_seconds)


def kill_while_running(target, arguments: tuple[Path, ...], after_seconds: float) -> None:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=target, args=(*arguments, started))
    process.start()
    assert started.wait(30)
    time.sleep(after_seconds)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_invariant_2_a_kill_at_any_moment_loses_at_most_the_unfinished_snapshot(tmp_path):
    draw, site, place = random.Random(), tmp_path / "site", tmp_path / "vault"
    Vault.create(LocalStorage(place), wrap=KEY)
    states: list[dict[bytes, bytes]] = []
    for _ in range(KILLS):
        change(site, draw)
        states.append(plain(site))
        kill_while_writing(site, place, draw.uniform(0, 0.4))

    vault = Vault.open(LocalStorage(place), wrap=KEY)
    report = vault.verify(read_data=1.0)
    finished = vault.snapshots()
    restored = [contents(vault, snapshot) for snapshot in finished]
    result = vault.backup(FolderSource(site), name="site", report=Notes())

    assert report.errors == []
    assert [number for number, one in enumerate(restored) if one not in states] == []
    assert contents(vault, result.snapshot) == states[-1]
    assert list(vault._engine.storage.list("pending/")) == []
    assert list(tmp_path.rglob("*.partial")) == []


def prune_until_killed(site: Path, place: Path, started: Event) -> None:
    """Back up under ever new names, drop all but the last, and prune without grace."""
    storage = LocalStorage(place)
    vault = Vault.open(storage, wrap=KEY)
    started.set()
    while True:
        name = os.urandom(4).hex()
        kept = vault.backup(FolderSource(site), name=name, report=Notes(), parent=None).snapshot
        for item in list(storage.list("snapshots/")):
            if item.name != f"snapshots/{kept.id}":
                storage.delete(item.name)
        (site / "small-00").write_bytes(os.urandom(9_000))
        (site / "new-0").write_bytes(os.urandom(2_000_000))
        vault.prune(grace_days=0, may_condemn_most=True)


@pytest.mark.slow
def test_invariant_2_a_prune_killed_at_any_moment_needs_no_repair(tmp_path):
    draw, site, place = random.Random(), tmp_path / "site", tmp_path / "vault"
    vault = Vault.create(LocalStorage(place), wrap=KEY)
    change(site, draw)
    vault.backup(FolderSource(site), name="first", report=Notes())
    for _ in range(KILLS):
        kill_while_running(prune_until_killed, (site, place), draw.uniform(0, 0.5))

        vault = Vault.open(LocalStorage(place), wrap=KEY)
        assert vault.verify(read_data=1.0).errors == []
        assert [contents(vault, one) for one in vault.snapshots()]
    vault.prune(grace_days=0, may_condemn_most=True)

    assert vault.verify(read_data=1.0).errors == []
    assert list(vault._engine.storage.list("condemned/")) == []
