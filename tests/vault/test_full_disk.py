"""A real file system without space."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import FolderSource, Notes
from tests.vault.trees import contents
from webapp.vault import LocalStorage, StorageFull, Vault


@pytest.fixture
def small_disk(tmp_path: Path):
    """40 MiB and no more."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=0700", "lastgood-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a full disk needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_nothing_is_lost_or_half_written(small_disk, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "a").write_bytes(random.Random(1).randbytes(10_000_000))
    vault = Vault.create(LocalStorage(small_disk), wrap=KEY)
    first = vault.backup(FolderSource(site), name="site", report=Notes()).snapshot
    (site / "b").write_bytes(random.Random(2).randbytes(80_000_000))

    with pytest.raises(StorageFull):
        vault.backup(FolderSource(site), name="site", report=Notes())

    again = Vault.open(LocalStorage(small_disk), wrap=KEY)
    assert again.snapshots() == [first]
    assert again.verify(read_data=1.0).ok
    assert contents(again, first) == {b"tree/a": (site / "a").read_bytes()}
    assert list(small_disk.rglob("*.partial")) == []
