"""A disk that fills up at any moment: whatever was at work says so, nothing is half written, the
vault verifies, and once there is space again the same thing succeeds."""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.sources import FolderSource, Notes
from tests.vault.trees import contents
from webapp.vault import LocalStorage, StorageFull, Vault


class Later(LocalStorage):
    """Eight days later: what was forgotten may go."""

    def now_ns(self) -> int:
        return super().now_ns() + 8 * 86_400 * 10**9


SIZE_KIB = 24 << 10
FILES = {"a": 1_500_000, "b": 400_000, "c": 3_000, "d": 2_000_000}


@pytest.fixture
def disk(tmp_path: Path):
    """24 MiB and no more."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={SIZE_KIB}k,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "lastgood-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a full disk needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    change(site, seed=0)
    return site


def change(site: Path, *, seed: int) -> None:
    for name, size in FILES.items():
        if seed % 2 == 0 or name != "d":
            (site / name).write_bytes(random.Random(f"{seed}{name}").randbytes(size))


def opened(disk: Path) -> Vault:
    return Vault.open(LocalStorage(disk / "vault"), wrap=KEY)


def back_up(vault: Vault, site: Path):
    return vault.backup(FolderSource(site), name="site", report=Notes()).snapshot


def fill(disk: Path, *, leave_bytes: int) -> None:
    space = os.statvfs(disk)
    count = space.f_bavail * space.f_frsize - leave_bytes
    (disk / "filler").write_bytes(bytes(max(count, 0)))


def free(disk: Path) -> None:
    (disk / "filler").unlink()


def check(disk: Path, expected: dict[str, dict[bytes, bytes]]) -> None:
    vault = opened(disk)
    assert vault.verify(read_data=1.0, remember=False).errors == []
    assert {one.id: contents(vault, one) for one in vault.snapshots()} == expected
    assert list(disk.rglob("*.partial")) == []


SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_backup_that_runs_out_of_space(disk, site, seed):
    draw = random.Random(seed)
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    done = {}
    for number in range(3):
        change(site, seed=number)
        fill(disk, leave_bytes=draw.randrange(4_500_000))
        with suppress(StorageFull):
            made = back_up(opened(disk), site)
            done[made.id] = contents(opened(disk), made)
        free(disk)
        check(disk, done)

    made = back_up(opened(disk), site)

    check(disk, done | {made.id: contents(opened(disk), made)})
    assert contents(opened(disk), made)[b"tree/a"] == (site / "a").read_bytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_prune_that_runs_out_of_space(disk, site, seed):
    """It copies what is still needed before it condemns anything."""
    draw = random.Random(seed)
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    for number in (0, 1, 3):
        change(site, seed=number)
        back_up(opened(disk), site)
    opened(disk).forget(snapshots=[one.id for one in opened(disk).snapshots()[1:]])
    kept = {one.id: contents(opened(disk), one) for one in opened(disk).snapshots()}
    options = {"grace_days": 0.0, "least_live": 1.0, "may_condemn_most": True, "trust_clock": True}
    fill(disk, leave_bytes=draw.randrange(3_000_000))

    with suppress(StorageFull):
        Vault.open(Later(disk / "vault"), wrap=KEY).prune(**options)

    free(disk)
    check(disk, kept)
    before = sum(path.stat().st_size for path in disk.rglob("*") if path.is_file())
    for _ in range(2):
        Vault.open(Later(disk / "vault"), wrap=KEY).prune(**options)
    check(disk, kept)
    assert sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) < before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_copy_that_runs_out_of_space(disk, site, tmp_path, seed):
    draw = random.Random(seed)
    source = Vault.create(LocalStorage(tmp_path / "source"), wrap=KEY)
    first = back_up(source, site)
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    fill(disk, leave_bytes=draw.randrange(4_500_000))

    with suppress(StorageFull):
        source.copy_to(opened(disk))

    free(disk)
    assert opened(disk).verify(read_data=1.0, remember=False).errors == []
    source.copy_to(opened(disk))
    (copied,) = opened(disk).snapshots()
    check(disk, {copied.id: contents(source, first)})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_repair_that_runs_out_of_space(disk, site, seed):
    draw = random.Random(seed)
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    made = back_up(opened(disk), site)
    expected = {made.id: contents(opened(disk), made)}
    pack = max((disk / "vault" / "packs").iterdir(), key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    pack.write_bytes(flipped(pack.read_bytes()))  # its trailer; loses nothing
    fill(disk, leave_bytes=draw.randrange(4_500_000))

    with suppress(StorageFull):
        opened(disk).repair()

    free(disk)
    opened(disk).repair()
    check(disk, expected)


def test_a_check_on_a_full_disk_finds_what_there_is_to_find(disk, site):
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    back_up(opened(disk), site)
    fill(disk, leave_bytes=0)

    report = opened(disk).verify(read_data=1.0)

    assert report.ok
    assert report.bytes_read > sum(FILES.values())


def test_a_full_disk_stops_no_restore_from_it(disk, site, tmp_path):
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    made = back_up(opened(disk), site)
    fill(disk, leave_bytes=0)

    assert contents(opened(disk), made)[b"tree/d"] == (site / "d").read_bytes()


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_full_disk_below_the_cache_stops_nothing(disk, site, tmp_path, seed):
    """The cache is a help and no more: what does not fit in it is looked up in the vault."""
    draw, place = random.Random(seed), tmp_path / "vault"
    Vault.create(LocalStorage(place), wrap=KEY)
    for number in range(3):
        change(site, seed=number)
        fill(disk, leave_bytes=draw.choice((0, 4096, draw.randrange(100_000))))
        vault = Vault.open(LocalStorage(place), wrap=KEY, cache_dir=disk / "cache")
        made = back_up(vault, site)
        vault.close()
        assert contents(vault, made)[b"tree/a"] == (site / "a").read_bytes()
        vault.close()
        free(disk)

    again = Vault.open(LocalStorage(place), wrap=KEY, cache_dir=disk / "cache")
    assert again.verify(read_data=1.0).errors == []
    assert len(again.snapshots()) == 3


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_labels_and_forgetting_on_a_full_disk_are_said_or_not_at_all(disk, site, seed):
    draw = random.Random(seed)
    Vault.create(LocalStorage(disk / "vault"), wrap=KEY)
    first, second = back_up(opened(disk), site), back_up(opened(disk), site)
    fill(disk, leave_bytes=draw.choice((0, 4096, 8192)))

    done = []
    for what, act in {
        "pin": lambda vault: vault.pin(second.id),
        "tag": lambda vault: vault.tag(second.id, "kept"),
        "forget": lambda vault: vault.forget(snapshots=[first.id]),
    }.items():
        with suppress(StorageFull):
            act(opened(disk))
            done.append(what)

    label = opened(disk).labels()[second.id]
    shown = {one.id for one in opened(disk).snapshots()}
    assert (label.is_pinned, label.tags == {"kept"}) == ("pin" in done, "tag" in done)
    assert (first.id in shown) is ("forget" not in done)
    free(disk)
    assert opened(disk).verify(read_data=1.0, remember=False).errors == []
    assert list(disk.rglob("*.partial")) == []
    opened(disk).pin(second.id)
    assert opened(disk).labels()[second.id].is_pinned
