"""Progress, the pipeline's errors, and the check's choices."""

from __future__ import annotations

import errno
import itertools
import os
import random
import threading
from dataclasses import replace

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, file, folder
from webapp.vault import Damaged, StorageError, Vault, frames, sealing
from webapp.vault.storage.memory import MemoryStorage

DATA = random.Random(3).randbytes(30_000_000)


def test_progress_is_told_at_least_every_200_files(vault, notes):
    source = MemorySource(
        *((file(b"tree/%04d" % number), b"%d" % number) for number in range(1000))
    )
    seen = []

    vault.backup(
        source, name="s", report=notes, on_progress=lambda tally: seen.append(replace(tally))
    )

    counts = [0, *(tally.files for tally in seen)]
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 200
    assert seen[-1].files == 1000


def test_progress_is_told_within_a_large_file(vault, notes):
    clock = iter(range(10**9))
    engine = vault._engine
    hooks = replace(engine.hooks, monotonic=lambda: float(next(clock)))
    object.__setattr__(engine, "hooks", hooks)
    seen = []

    vault.backup(
        MemorySource((file(b"tree/a"), DATA)), name="s", report=notes,
        on_progress=lambda tally: seen.append(tally.read_bytes),
    )  # fmt: skip

    assert len(set(seen)) >= 7


@pytest.mark.parametrize("error", [StorageError("x"), OSError(errno.EIO, "x"), MemoryError()])
def test_an_error_of_any_thread_comes_out_and_ends_all_threads(notes, error):
    class Failing(MemoryStorage):
        def put(self, name, data):
            if name.startswith("packs/"):
                raise error
            super().put(name, data)

    vault, before = Vault.create(Failing(), wrap=KEY), set(threading.enumerate())

    with pytest.raises(type(error)):
        vault.backup(MemorySource((file(b"tree/a"), DATA)), name="s", report=notes)

    assert set(threading.enumerate()) <= before
    assert vault.snapshots() == []


def test_a_fault_of_memory_while_sealing_is_found_before_it_is_stored(notes, monkeypatch, vault):
    real = sealing.ObjectKey.seal_into

    def faulty(self, record, counter, head, *, frame):
        real(self, record, counter, head, frame=frame)
        record[-1] ^= 1

    monkeypatch.setattr(sealing.ObjectKey, "seal_into", faulty)

    with pytest.raises(Damaged):
        vault.backup(MemorySource((file(b"tree/a"), b"x")), name="s", report=notes)


@pytest.mark.parametrize("data", [b"x" * 5000, os.urandom(5000)], ids=["compressed", "plain"])
def test_a_fault_of_memory_while_compressing_is_found_before_it_is_stored(
    notes, monkeypatch, vault, data
):
    real = frames.encode

    def faulty(raw, *, level):
        return real(bytes(raw[:-1]) + bytes([raw[-1] ^ 1]), level=level)

    monkeypatch.setattr(frames, "encode", faulty)

    with pytest.raises(Damaged, match="memory"):
        vault.backup(MemorySource((file(b"tree/a"), data)), name="s", report=notes)


def test_verify_of_one_snapshot_reads_only_what_it_needs(vault, notes):
    first = vault.backup(MemorySource((file(b"tree/a"), DATA)), name="a", report=notes).snapshot
    second = vault.backup(MemorySource((file(b"tree/b"), b"1")), name="b", report=notes).snapshot

    small = vault.verify(snapshot=second.id, read_data=1.0)
    large = vault.verify(snapshot=first.id, read_data=1.0)

    assert small.ok
    assert large.ok
    assert small.bytes_read < 500_000 < len(DATA) <= large.bytes_read


def test_verify_reads_the_share_that_was_asked_for(vault, notes):
    vault.backup(MemorySource(folder(b"tree"), (file(b"tree/a"), DATA)), name="a", report=notes)
    whole = vault.verify(read_data=1.0).bytes_read

    assert 0 < vault.verify(read_data=0.01).bytes_read < whole
    assert vault.verify().bytes_read < 20_000
