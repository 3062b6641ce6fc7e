"""What is fetched of the packs: each once, and little more than is needed."""

from __future__ import annotations

import itertools
import os
import random
import threading

import pytest

from tests.hosts.conftest import holdings
from tests.vault.restoring.conftest import capture, half_files, reopened, restore
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import StorageDenied
from webapp.vault.errors import ObjectMissing
from webapp.vault.index import PackRow
from webapp.vault.restoring import ranges
from webapp.vault.restoring.ranges import Need, Needs, _coalesced

PACK = PackRow("p", b"", b"D", 1 << 24, 0)


def data_reads(storage) -> list[tuple[str, int, int]]:
    """What was read of packs of data since the last time, without their ends."""
    kinds = {name: data[4:5] for name, data in storage.objects.items()}
    found = [one for one in storage.fetched if kinds.get(one[0]) == b"D"]
    storage.fetched.clear()
    return found


def test_each_pack_is_fetched_once(vault, storage, tmp_path, target):
    site, draw = tmp_path / "site", random.Random(1)
    for number in range(60):
        (site / f"{number % 7}").mkdir(parents=True, exist_ok=True)
        (site / f"{number % 7}" / f"{number}").write_bytes(draw.randbytes(900_000))
    snapshot = capture(vault, site)
    reader = reopened(storage)
    reader._engine.stock.refresh()
    data_reads(storage)

    result, _ = restore(reader, snapshot, target)

    names = [name for name, _, _ in data_reads(storage)]
    assert len(names) == len(set(names)) >= 4
    assert set(names) == {name for name, data in storage.objects.items() if data[4:5] == b"D"}
    assert holdings(target) == holdings(site)
    assert result.amplification < 1.01


def churned(vault, days):
    """*days* snapshots of 400 files, of which 4 % change each day."""
    draw = random.Random(3)
    contents = {b"tree/%03d" % number: draw.randbytes(30_000) for number in range(400)}
    for _ in range(days):
        for path in draw.sample(sorted(contents), 16):
            contents[path] = draw.randbytes(30_000)
        items = [(file(path, inode=hash(data) & 0xFFFFFF), data) for path, data in contents.items()]
        source = MemorySource(folder(b"tree"), *items)
        snapshot = vault.backup(source, name="site", report=Notes(), parent=None).snapshot
    return snapshot, contents


def test_after_many_days_of_churn_no_byte_is_fetched_twice(vault, storage, target):
    snapshot, contents = churned(vault, 40)
    reader = reopened(storage)
    reader._engine.stock.refresh()
    data_reads(storage)

    result, _ = restore(reader, snapshot, target)

    reads = sorted(data_reads(storage))
    for (name, start, length), (following, after, _) in itertools.pairwise(reads):
        assert name != following or start + length <= after
    assert {os.fsencode(p.name): p.read_bytes() for p in target.iterdir()} == {
        path[5:]: data for path, data in contents.items()
    }
    assert result.bytes_fetched == sum(length for _, _, length in reads)
    assert 1 <= result.amplification < 3  # whole segments, for a few chunks of each


def test_ranges_that_lie_close_are_joined_and_none_grows_too_long():
    mib = 1 << 20
    offsets = [0, mib, mib + 200_000, 4 * mib, 20 * mib]
    needs = [Need(number, offset, 100_000) for number, offset in enumerate(offsets)]
    needs += [Need(9, 30 * mib + number * mib, mib) for number in range(20)]

    found = [(one.offset, one.length) for one in _coalesced(PACK, needs, ranges.LARGEST_BYTES, 99)]

    assert found[:4] == [(0, 100_000), (mib, 300_000), (4 * mib, 100_000), (20 * mib, 100_000)]
    assert found[4:] == [(30 * mib, 16 * mib), (46 * mib, 4 * mib)]
    assert max(length for _, length in found) <= ranges.LARGEST_BYTES


def test_a_range_is_not_for_too_many_files_unless_one_segment_is():
    needs = [
        Need(number, number * 1000, 1000, [None] * count)
        for number, count in enumerate((5, 4, 9, 1, 50, 1))
    ]

    found = [len(one.needs) for one in _coalesced(PACK, needs, ranges.LARGEST_BYTES, 10)]

    assert found == [2, 2, 1, 1]


def test_a_chunk_that_moved_to_another_pack_is_found_there(vault, storage, snapshot, site, target):
    reader = reopened(storage)
    get, missed = storage.get, []

    def moving(name, *, offset=0, length=None):
        if name.startswith("packs/") and storage.objects[name][4:5] == b"D" and not missed:
            missed.append(name)
            raise ObjectMissing(name)
        return get(name, offset=offset, length=length)

    reader._engine.stock.refresh()
    storage.get = moving

    result, _ = restore(reader, snapshot, target)

    assert missed
    assert result.problems == ()
    assert holdings(target) == holdings(site)


def test_a_lost_pack_costs_its_files_and_each_is_named(vault, storage, target):
    draw = random.Random(8)
    items = [(file(b"tree/%02d" % number), draw.randbytes(900_000)) for number in range(30)]
    source = MemorySource(folder(b"tree"), *items)
    snapshot = vault.backup(source, name="site", report=Notes()).snapshot
    first = next(name for name, data in storage.objects.items() if data[:5] == b"LGV\x01D")
    del storage.objects[first]

    result, _ = restore(reopened(storage), snapshot, target)

    lost = {one.path for one in result.problems}
    there = {b"tree/" + os.fsencode(name) for name in os.listdir(target)}
    assert 0 < len(lost) < 30
    assert there == {entry.path for entry, _ in items} - lost
    assert {one.code for one in result.problems} == {"damaged"}


def test_a_flipped_bit_costs_the_files_of_its_segment_and_names_the_pack(vault, storage, target):
    draw = random.Random(8)
    items = [(file(b"tree/%02d" % number), draw.randbytes(300_000)) for number in range(30)]
    source = MemorySource(folder(b"tree"), *items)
    snapshot = vault.backup(source, name="site", report=Notes()).snapshot
    name = next(name for name, data in storage.objects.items() if data[:5] == b"LGV\x01D")
    spoiled = bytearray(storage.objects[name])
    spoiled[5_000_000] ^= 1
    storage.objects[name] = bytes(spoiled)

    result, _ = restore(reopened(storage), snapshot, target)

    assert 1 <= result.failed <= 4
    assert all(name in one.message for one in result.problems)
    assert len(os.listdir(target)) == 30 - result.failed


def test_a_storage_that_goes_away_ends_the_restore_and_the_next_goes_on(
    vault, storage, snapshot, site, target, monkeypatch
):
    reader = reopened(storage)
    reader._engine.stock.refresh()
    get, count = storage.get, itertools.count()

    def failing(name, *, offset=0, length=None):
        if name.startswith("packs/") and next(count) == 2:
            raise StorageDenied("its key was withdrawn")
        return get(name, offset=offset, length=length)

    monkeypatch.setattr(storage, "get", failing)
    monkeypatch.setattr("webapp.vault.restoring.ranges.LARGEST_BYTES", 1 << 20)
    with pytest.raises(StorageDenied):
        restore(reader, snapshot, target)
    assert half_files(target) == []
    monkeypatch.undo()

    restore(reopened(storage), snapshot, target)

    assert holdings(target)[b"large"] == holdings(site)[b"large"]


def test_never_more_is_waited_for_than_a_window_holds(vault, tmp_path, target, monkeypatch):
    """What a restore keeps in memory does not grow with the snapshot, nor with one file."""
    monkeypatch.setattr("webapp.vault.restoring.windows.MOST_ENTRIES", 50)
    monkeypatch.setattr("webapp.vault.restoring.restore._AT_ONCE", 8)
    site = tmp_path / "site"
    site.mkdir()
    for number in range(300):
        (site / f"{number}").write_bytes(b"%d" % number)
    (site / "many-chunks").write_bytes(random.Random(4).randbytes(120_000_000))
    snapshot = capture(vault, site)
    most, add = [], Needs.add

    def counted(needs, *arguments):
        done = add(needs, *arguments)
        most.append(needs.count)
        return done

    monkeypatch.setattr(Needs, "add", counted)

    restore(vault, snapshot, target)

    assert max(most) <= 50 + 8
    assert len(most) > 350
    assert holdings(target) == holdings(site)


def test_several_ranges_are_on_their_way_from_a_remote_storage(vault, storage, tmp_path, target):
    source = MemorySource(
        folder(b"tree"),
        *[(file(b"tree/%02d" % n), random.Random(n).randbytes(900_000)) for n in range(60)],
    )
    snapshot = vault.backup(source, name="site", report=Notes()).snapshot
    reader = reopened(storage)
    reader._engine.stock.refresh()
    get, together, met, calls = storage.get, threading.Barrier(2), [], itertools.count()

    def slow(name, *, offset=0, length=None):
        if name.startswith("packs/") and storage.objects[name][4:5] == b"D" and next(calls) < 2:
            met.append(together.wait(timeout=30))
        return get(name, offset=offset, length=length)

    storage.get, storage.parallel_puts = slow, 2

    result, _ = restore(reader, snapshot, target)

    assert sorted(met) == [0, 1]
    assert result.problems == ()
