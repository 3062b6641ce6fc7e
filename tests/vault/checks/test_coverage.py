"""Which packs a check reads, and what the vault remembers of it."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import StorageDenied, Vault
from webapp.vault.boxes import unseal
from webapp.vault.checks.choice import choose, due_bytes
from webapp.vault.checks.coverage import DAY_NS, FOLDER, KIND, Coverage, pack_times, unpack_times
from webapp.vault.errors import Damaged
from webapp.vault.hooks import Hooks
from webapp.vault.packs import FULL_BYTES
from webapp.vault.storage.memory import MemoryStorage

START = 1_800_000_000 * 10**9


class Clocked(MemoryStorage):
    """A storage whose clock stands still until it is told."""

    def __init__(self) -> None:
        self.now = START
        super().__init__(lambda: self.now)


class Counting(Clocked):
    """Remembers which packs were read whole."""

    def __init__(self) -> None:
        super().__init__()
        self.whole: list[str] = []

    def get(self, name, *, offset=0, length=None):
        if name.startswith("packs/") and not offset and (length or FULL_BYTES) >= FULL_BYTES:
            self.whole.append(name)
        return super().get(name, offset=offset, length=length)


@pytest.fixture
def storage() -> Counting:
    """A vault of ten snapshots, each in packs of its own."""
    storage = Counting()
    vault = Vault.create(storage, wrap=KEY)
    for number in range(10):
        data = random.Random(number).randbytes(200_000)
        source = MemorySource(folder(b"tree"), (file(b"tree/a"), data))
        vault.backup(source, name="site", report=Notes(), parent=None)
    return storage


def verify(storage: Counting, **options):
    storage.whole.clear()
    return Vault.open(storage, wrap=KEY).verify(**options)


def packs(storage: MemoryStorage) -> set[str]:
    return {name for name in storage.objects if name.startswith("packs/")}


def test_a_tenth_each_day_reads_every_byte_in_ten_days_and_none_twice_before(storage):
    seen: list[str] = []
    for _ in range(10):
        storage.now += DAY_NS
        report = verify(storage, read_data=0.1)
        seen += storage.whole

    assert set(seen[:20]) == packs(storage)
    assert len(seen) <= 30  # a little more than wanted is read each time, never less
    assert report.coverage.overdue_bytes == 0
    assert report.coverage.never_bytes == 0


def test_those_unread_for_longest_come_first(storage):
    verify(storage, read_data=1.0)
    storage.now += DAY_NS
    verify(storage, read_data=0.5)
    first = set(storage.whole)
    storage.now += DAY_NS
    verify(storage, read_data=0.4)

    assert first.isdisjoint(storage.whole)


def test_the_report_says_what_is_overdue_and_how_old_the_oldest_reading_is(storage):
    verify(storage, read_data=1.0)
    storage.now += 20 * DAY_NS
    verify(storage, read_data=0.5)
    storage.now += 20 * DAY_NS

    found = verify(storage, period_days=30).coverage

    assert found.oldest_read_ns == START
    assert 0.3 < found.overdue_bytes / found.total_bytes < 0.55
    assert found.never_bytes == 0


def test_the_report_says_when_all_will_have_been_read(storage):
    for _ in range(3):
        storage.now += DAY_NS
        report = verify(storage, read_data=0.25, period_days=30)

    assert storage.now < report.coverage.all_read_by_ns <= storage.now + 2 * DAY_NS


def test_a_check_without_a_share_reads_what_the_period_asks_for(storage):
    verify(storage, read_data=1.0)
    seen: set[str] = set()
    for _ in range(30):
        storage.now += DAY_NS
        report = verify(storage, read_data=None, period_days=30)
        assert len(storage.whole) <= 2
        assert report.coverage.overdue_bytes == 0
        seen.update(storage.whole)

    assert seen == packs(storage)


def test_what_will_be_overdue_before_the_next_check_is_read_now():
    coverage = Coverage()
    coverage.add("aa" * 32, START)
    coverage.add("bb" * 32, START + 5 * DAY_NS)
    sizes = {"aa" * 32: 100, "bb" * 32: 1}

    wanted = due_bytes(sizes, coverage, now_ns=START + 10 * DAY_NS, period_days=12)

    assert wanted >= 100
    draw = random.Random(1).randbytes
    assert choose(sizes, coverage, wanted_bytes=wanted, draw=draw) == ["aa" * 32]


def test_many_coverage_objects_become_one(storage):
    for _ in range(12):
        storage.now += DAY_NS
        report = verify(storage, read_data=0.2)

    assert len([name for name in storage.objects if name.startswith(FOLDER)]) <= 9
    assert report.coverage.never_bytes == 0
    assert report.ok


def test_without_the_right_to_delete_nothing_grows_but_by_what_was_read(storage, monkeypatch):
    def refuse(name):
        raise StorageDenied(name)

    monkeypatch.setattr(storage, "delete", refuse)
    for _ in range(30):
        storage.now += DAY_NS
        report = verify(storage, read_data=0.1)

    sizes = [len(data) for name, data in storage.objects.items() if name.startswith(FOLDER)]
    assert sum(size > 4096 for size in sizes) == 0
    assert len(sizes) <= 32
    assert report.ok
    vault = Vault.open(storage, wrap=KEY)
    listed = [
        pack
        for name, data in storage.objects.items()
        if name.startswith(FOLDER)
        for pack in unpack_times(unseal(vault._engine.ring, KIND, name, data)[0], where=name)
    ]
    assert len(listed) < 8 * len(packs(storage))  # not all of them again each time


def test_a_damaged_pack_does_not_count_as_read(storage):
    name = min(packs(storage))
    storage.objects[name] = storage.objects[name][:100] + b"x" + storage.objects[name][101:]
    size = len(storage.objects[name])

    report = verify(storage, read_data=1.0, remember=False)

    assert report.coverage.never_bytes == size
    assert [error["object"] for error in report.errors] == [name]


def test_a_clock_that_was_far_ahead_keeps_nothing_from_being_read(storage):
    storage.now += 365 * DAY_NS
    verify(storage, read_data=1.0)
    storage.now -= 365 * DAY_NS

    found = verify(storage).coverage

    assert found.never_bytes == found.total_bytes


def test_a_lost_coverage_object_costs_reading_again_and_is_no_error(storage):
    verify(storage, read_data=1.0)
    for name in [name for name in storage.objects if name.startswith(FOLDER)]:
        del storage.objects[name]

    report = verify(storage)

    assert report.ok
    assert report.coverage.never_bytes == report.coverage.total_bytes


def test_a_check_that_must_not_remember_writes_nothing(storage):
    before = dict(storage.objects)
    name = min(packs(storage))
    storage.objects[name] = before[name] = b"x" + before[name][1:]

    verify(storage, read_data=1.0, remember=False)

    assert storage.objects == before


def test_a_check_cut_short_keeps_what_it_has_read(storage):
    def stop(done, total, words):
        if words == "packs read" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(storage, read_data=1.0, on_progress=stop)

    found = verify(storage).coverage
    assert 0 < found.never_bytes < found.total_bytes


def test_a_vault_that_may_only_be_read_is_checked_all_the_same(storage):
    class ReadOnly(Counting):
        def put(self, name, data):
            raise StorageDenied(name)

        def now_ns(self):
            raise StorageDenied("clock")

    frozen = ReadOnly()
    frozen.objects = storage.objects

    report = Vault.open(frozen, wrap=KEY, hooks=Hooks(time_ns=lambda: START)).verify(read_data=1.0)

    assert report.ok


def test_times_come_back_as_they_were_packed():
    times = {"ab" * 32: 5, "cd" * 32: 5, "ef" * 32: 9}

    found = dict(unpack_times(pack_times(times), where="x"))

    assert found == {bytes.fromhex(name)[:16]: when for name, when in times.items()}


@pytest.mark.parametrize("cut", [0, 3, 8, -1])
def test_times_that_do_not_add_up_are_refused(cut):
    with pytest.raises(Damaged):
        list(unpack_times(pack_times({"ab" * 32: 5})[:cut], where="x"))
