"""The faults that other tests rely on do happen."""

from __future__ import annotations

import pytest

from tests.faults import Crashed, Fault, FaultyStorage, Kind
from webapp.vault.errors import ObjectMissing, StorageError, StorageFull, StorageUnavailable
from webapp.vault.storage.memory import MemoryStorage


@pytest.fixture
def inner():
    return MemoryStorage()


def attempt(storage, name, data):
    with pytest.raises(StorageError):
        storage.put(name, data)


@pytest.mark.parametrize(
    ("kind", "left"),
    [(Kind.BEFORE, {}), (Kind.AFTER, {"a": b"1234"}), (Kind.SHORT, {"a": b"12"}), (Kind.LATE, {})],
)
def test_a_put_fails_as_told_once(inner, kind, left):
    storage = FaultyStorage(inner)
    storage.on("put", "a", Fault(kind, StorageFull))

    with pytest.raises(StorageFull):
        storage.put("a", b"1234")

    assert inner.objects == left
    storage.put("b", b"5")
    assert storage.calls == [("put", "a"), ("put", "b")]


def test_a_late_delete_takes_away_what_came_meanwhile(inner):
    storage = FaultyStorage(inner)
    storage.put("a", b"old")
    storage.on("delete", "a", Fault(Kind.LATE))
    with pytest.raises(StorageUnavailable):
        storage.delete("a")

    assert inner.objects == {"a": b"old"}
    assert storage.arrive() == 1
    assert inner.objects == {}


def test_a_repeated_put_brings_back_what_was_deleted(inner):
    storage = FaultyStorage(inner)
    storage.on("put", "", Fault(Kind.AGAIN))
    storage.put("a", b"1")
    storage.delete("a")

    storage.arrive()

    assert inner.objects == {"a": b"1"}


def test_what_was_held_back_comes_in_the_middle_of_what_another_does(inner):
    first, second = FaultyStorage(inner), FaultyStorage(inner)
    first.on("put", "", Fault(Kind.LATE))
    attempt(first, "a", b"1")
    (effect,) = first.take()
    second.bring(effect, at=2)

    before = [one.name for one in second.list("a")]
    after = [one.name for one in second.list("a")]

    assert (before, after) == ([], ["a"])
    assert (first.take(), second.take()) == ([], [])


def test_the_same_seed_fails_in_the_same_places():
    def failures(seed):
        storage, failed = FaultyStorage(MemoryStorage(), seed=seed, odds=3), []
        for number in range(60):
            try:
                storage.put(f"a-{number}", b"")
            except StorageError as error:
                failed.append((number, str(error)))
        return failed

    assert failures(1) == failures(1) != failures(2)
    assert 5 < len(failures(1)) < 40


@pytest.mark.parametrize(("late", "left"), [(False, ["a-1"]), (True, ["a-1", "a-2"])])
def test_a_crash_is_for_good(inner, late, left):
    storage = FaultyStorage(inner, stop_at=2, stop_late=late)
    storage.put("a-1", b"")
    with pytest.raises(Crashed):
        storage.put("a-2", b"")

    with pytest.raises(Crashed):
        storage.put("a-3", b"")

    assert sorted(inner.objects) == left


def test_lists_are_behind_and_catch_up(inner):
    now = [0.0]
    storage = FaultyStorage(inner, stale_seconds=30, monotonic=lambda: now[0])
    storage.put("a-1", b"1")
    now[0] = 40.0
    storage.put("a-2", b"22")
    storage.delete("a-1")

    assert [tuple(one) for one in storage.list("a")] == [("a-1", 1)]
    assert storage.settle_seconds == 30
    with pytest.raises(ObjectMissing):
        storage.get("a-1")
    now[0] = 70.0
    assert [tuple(one) for one in storage.list("a")] == [("a-2", 2)]


def test_a_slow_call_sleeps_and_works(inner):
    slept = []
    storage = FaultyStorage(inner, sleep=slept.append)
    storage.on("get", "", Fault(Kind.SLOW))
    storage.put("a", b"1")

    assert storage.get("a") == b"1"
    assert slept == [60.0]
