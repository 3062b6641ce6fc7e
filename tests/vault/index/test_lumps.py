"""Bytes that grow, in memory or in a file."""

from __future__ import annotations

import errno
import os
import random

import pytest

from webapp.vault import lumps
from webapp.vault.lumps import Lump

PARTS = [random.Random(n).randbytes(n * 7) for n in range(60)]


def fill(lump: Lump) -> bytes:
    for part in PARTS:
        lump.append(part)
    return b"".join(PARTS)


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setattr(lumps, "LIMIT_BYTES", 500)


@pytest.mark.parametrize("folder", ["", "not/yet/there"])
def test_what_was_appended_is_read_back(tmp_path, folder):
    lump = Lump(tmp_path / folder)

    whole = fill(lump)

    assert lump.view is None
    assert b"".join(lump.pieces()) == whole
    assert lump.read(1234, 567) == whole[1234 : 1234 + 567]
    assert lump.size == len(whole)


def test_without_a_folder_the_system_says_where():
    lump = Lump(None)

    assert b"".join([fill(lump)]) == b"".join(lump.pieces())
    assert lump.view is None


def test_where_no_file_can_be_made_all_stays_in_memory(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    lump = Lump(tmp_path / "file")

    assert fill(lump) == lump.view == b"".join(lump.pieces())


@pytest.mark.parametrize("after", [0, 1, 20])
def test_a_disk_that_fills_up_meanwhile_loses_nothing(tmp_path, monkeypatch, after):
    real, count = os.pwrite, [0]

    def pwrite(file, data, at):
        count[0] += 1
        if count[0] > after:
            real(file, data[:3], at)  # part of it
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    lump = Lump(tmp_path)

    assert fill(lump) == b"".join(lump.pieces())
    assert lump.view is not None


def test_the_file_goes_with_the_lump(tmp_path):
    before = os.listdir("/proc/self/fd")
    lump = Lump(tmp_path)
    fill(lump)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1

    del lump

    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert list(tmp_path.iterdir()) == []
