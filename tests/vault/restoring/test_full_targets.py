"""A target whose disk fills up at any moment: each file is whole or not there, and once there is
space again the same restore goes on to the end."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.hosts.conftest import holdings
from tests.vault.conftest import KEY
from tests.vault.restoring.conftest import capture, half_files, leftovers, make_sparse, restore
from webapp.errors import ConnectorError
from webapp.vault import LocalStorage, Vault

SIZE_KIB = 16 << 10
SEEDS = range(5)


@pytest.fixture
def disk(tmp_path: Path):
    """16 MiB and no more."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={SIZE_KIB}k,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "lastgood-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a full disk needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """On a disk with space, so that forked processes take part."""
    return Vault.create(LocalStorage(tmp_path / "vault"), wrap=KEY)


def fill_site(site: Path, seed: int) -> Path:
    """Small files, larger ones, a sparse one, a second name, a link: about 7 MB."""
    draw = random.Random(seed)
    (site / "many").mkdir(parents=True, exist_ok=True)
    for number in range(120):
        (site / "many" / f"{number:03}").write_bytes(draw.randbytes(draw.randrange(30_000)))
    for name in ("large", "larger"):
        (site / name).write_bytes(draw.randbytes(draw.randrange(1_000_000, 3_000_000)))
    if seed == 0:
        make_sparse(site / "sparse")
        os.link(site / "large", site / "second-name")
        (site / "link").symlink_to("large")
    return site


def fill(disk: Path, *, leave_bytes: int) -> None:
    space = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(max(space.f_bavail * space.f_frsize - leave_bytes, 0)))


def attempt(vault: Vault, snapshot, target: Path) -> bool:
    """Whether it got to its end; else the disk was full, and it said so."""
    try:
        restore(vault, snapshot, target)
    except ConnectorError as error:
        if error.code != "disk_full":
            raise
        return False
    return True


def within(folder: Path) -> dict[bytes, tuple]:
    """All but the folder's own times: a target that is there keeps its own."""
    return {path: facts for path, facts in holdings(folder).items() if path}


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    own = [path for path in files if not path.name.startswith(".lastgood")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in own}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restore_that_runs_out_of_space_again_and_again_is_ended_by_the_next(
    vault, disk, tmp_path, seed
):
    draw, target = random.Random(seed), disk / "target"
    site = fill_site(tmp_path / "site", 0)
    snapshot, truth = capture(vault, site), contents(site)

    for _ in range(3):
        fill(disk, leave_bytes=draw.randrange(6_000_000))
        attempt(vault, snapshot, target)
        assert half_files(disk) == []
        found = contents(target) if target.exists() else {}
        assert {name: truth.get(name) for name in found} == found
        (disk / "filler").unlink()

    assert attempt(vault, snapshot, target)
    assert holdings(target) == holdings(site)
    assert leftovers(disk) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_over_an_older_state_each_file_is_the_old_one_or_the_new_one(vault, disk, tmp_path, seed):
    draw, target = random.Random(seed), disk / "target"
    site = fill_site(tmp_path / "site", 0)
    old, before = capture(vault, site), contents(site)
    fill_site(site, seed + 1)
    new, after = capture(vault, site), contents(site)
    assert attempt(vault, old, target)

    fill(disk, leave_bytes=draw.randrange(1_500_000))
    ended = attempt(vault, new, target)

    found = contents(target)
    assert half_files(disk) == []
    assert found.keys() == before.keys() | after.keys()
    assert all(data in (before[name], after[name]) for name, data in found.items())
    assert ended is (found == after)
    (disk / "filler").unlink()
    assert attempt(vault, new, target)
    assert within(target) == within(site)
    assert leftovers(disk) == []


@pytest.mark.parametrize("is_there", [False, True])
def test_where_not_even_a_mark_fits_all_is_as_before_and_the_next_is_not_kept_waiting(
    vault, disk, tmp_path, is_there
):
    site, target = fill_site(tmp_path / "site", 0), disk / "target"
    site.chmod(0o751)
    snapshot = capture(vault, site)
    if is_there:
        target.mkdir()
    fill(disk, leave_bytes=0)

    assert not attempt(vault, snapshot, target)

    assert target.exists() is is_there
    assert leftovers(disk) == []
    (disk / "filler").unlink()
    assert attempt(vault, snapshot, target)
    assert within(target) == within(site)
    assert is_there or holdings(target) == holdings(site)
