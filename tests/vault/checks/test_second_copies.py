"""A damaged pack is named; a snapshot only if no other pack has what it needs, whole."""

from __future__ import annotations

import pytest

from tests.vault.checks.test_verify import FILES, backup, opened
from tests.vault.conftest import KEY
from tests.vault.trees import contents
from webapp.vault import Damaged, Vault
from webapp.vault.checks.coverage import Coverage
from webapp.vault.storage.memory import MemoryStorage

LARGE = {path: data for path, data in FILES.items() if len(data) > 100_000}


@pytest.fixture
def storage(storage: MemoryStorage) -> MemoryStorage:
    """Two writers at once stored the same two files: each chunk is in two packs."""
    alone = Vault.create(storage, wrap=KEY)
    before = dict(storage.objects)
    backup(alone, LARGE, "site")
    second = MemoryStorage()
    second.objects = before
    backup(Vault.open(second, wrap=KEY), LARGE, "other")
    storage.objects |= second.objects
    return storage


def places(storage: MemoryStorage, path: bytes):
    vault = opened(storage)
    entry = vault.find(vault.snapshots("site")[0], path)
    return vault._engine.stock.places(entry.chunks[0][:32])


def damage(storage: MemoryStorage, place) -> str:
    name = place.pack.object_name
    data = bytearray(storage.objects[name])
    data[place.offset + place.length // 2] ^= 16
    storage.objects[name] = bytes(data)
    return name


def hurt(errors) -> set[str]:
    return {one for error in errors for one in error["snapshots"]}


def test_a_pack_whose_chunks_are_whole_elsewhere_is_named_and_hurts_nobody(storage):
    name = damage(storage, places(storage, b"tree/shared")[0])

    report = opened(storage).verify(read_data=1.0)

    (error,) = report.errors
    assert (error["object"], error["snapshots"], error["paths"]) == (name, [], [])
    assert any(name in note and "whole in other packs" in note for note in report.notes)


def test_two_packs_damaged_in_different_places_complete_each_other(storage):
    first = damage(storage, places(storage, b"tree/shared")[0])
    second = damage(storage, places(storage, b"tree/only-here")[1])
    assert first != second

    report = opened(storage).verify(read_data=1.0)

    assert {error["object"] for error in report.errors} == {first, second}
    assert hurt(report.errors) == set()
    for snapshot in opened(storage).snapshots():
        assert contents(opened(storage), snapshot) == LARGE


def test_two_packs_damaged_in_the_same_place_hurt_both_snapshots(storage):
    for place in places(storage, b"tree/shared"):
        damage(storage, place)

    report = opened(storage).verify(read_data=1.0)

    every = sorted(one.id for one in opened(storage).snapshots())
    assert [error["snapshots"] for error in report.errors] == [every, every]
    assert [error["paths"] for error in report.errors] == [["tree/shared"], ["tree/shared"]]


def test_of_two_packs_that_are_missing_each_is_named_with_the_snapshots(storage):
    for place in places(storage, b"tree/shared"):
        storage.delete(place.pack.object_name)

    errors = opened(storage).verify().errors

    every = {one.id for one in opened(storage).snapshots()}
    packs = [error for error in errors if str(error["object"]).startswith("packs/")]
    assert [set(error["snapshots"]) for error in packs] == [every, every]


def test_a_copy_in_a_pack_that_was_found_damaged_before_is_not_believed(storage):
    """It is condemned, nobody needs it, so nobody reads it again; what it lists is not there."""
    first, second = places(storage, b"tree/shared")
    damage(storage, first)
    opened(storage).verify(read_data=1.0)
    damage(storage, second)

    report = opened(storage).verify(read_data=1.0)

    assert hurt(report.errors) == {one.id for one in opened(storage).snapshots()}
    with pytest.raises(Damaged):
        contents(opened(storage), opened(storage).snapshots()[0])


@pytest.mark.parametrize("is_second_sound", [True, False])
def test_a_copy_in_a_pack_that_is_not_due_counts_if_it_reads(storage, is_second_sound):
    first, second = places(storage, b"tree/shared")
    damage(storage, first)
    if not is_second_sound:
        damage(storage, second)
    mark_all_as_read_but(storage, first.pack.name)

    report = opened(storage).verify(read_data=0.01, remember=False)

    assert [error["object"] for error in report.errors] == [first.pack.object_name]
    every = {one.id for one in opened(storage).snapshots()}
    assert hurt(report.errors) == (set() if is_second_sound else every)


def mark_all_as_read_but(storage: MemoryStorage, name: str) -> None:
    engine = opened(storage)._engine
    now = storage.now_ns()
    found = Coverage.load(engine, now_ns=now)
    names = {one.removeprefix("packs/") for one in storage.objects if "packs/" in one} - {name}
    for one in names:
        found.add(one, now)
    found.save(engine, fresh=names, present=names)
