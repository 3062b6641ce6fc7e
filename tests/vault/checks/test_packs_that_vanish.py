"""A pack that is there when its chunks are looked up, and is not when it is to be read."""

from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.upkeep import Clock, Watched, back_up, drop, packs
from webapp.vault import Vault
from webapp.vault.errors import ObjectMissing
from webapp.vault.hooks import Hooks
from webapp.vault.packs import FULL_BYTES
from webapp.vault.storage.base import StoredObject


class Vanishing:
    """A storage in which *act* happens right before the first pack is read whole."""

    def __init__(self, inner, act) -> None:
        self._inner, self._act = inner, act

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def get(self, name, *, offset=0, length=None):
        if (
            name.startswith("packs/")
            and not offset
            and (length or FULL_BYTES) >= FULL_BYTES
            and self._act
        ):
            act, self._act = self._act, None
            act()
        return self._inner.get(name, offset=offset, length=length)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(clock: Clock) -> Watched:
    return Watched(now_ns=clock)


@pytest.fixture
def vault(storage: Watched, clock: Clock) -> Vault:
    return Vault.create(storage, wrap=KEY, hooks=Hooks(time_ns=clock))


def verify(storage: Watched, act, **options):
    vault = Vault.open(Vanishing(storage, act), wrap=KEY)
    return vault.verify(read_data=1.0, **options)


@pytest.mark.parametrize("one_alone", [True, False])
def test_a_pack_that_vanishes_after_the_look_up_is_missed(vault, storage, one_alone):
    snapshot = back_up(vault, 1, 2, 3)
    largest = max(packs(storage), key=lambda name: len(storage.objects[name]))

    options = {"snapshot": snapshot.id} if one_alone else {}
    errors = verify(storage, lambda: storage.delete(largest), **options).errors

    (error,) = [error for error in errors if error["object"] == largest]
    assert (error["kind"], error["snapshots"]) == ("missing", [snapshot.id])
    assert "tree/01" in error["paths"]
    with pytest.raises(ObjectMissing):
        storage.get(largest)


def test_packs_that_a_prune_rewrites_meanwhile_are_no_error(vault, storage):
    old = back_up(vault, 1, 2, 3, 4, 5)
    back_up(vault, 5, 6)
    drop(storage, old)
    before = packs(storage)
    prune = lambda: vault.prune(grace_days=0, may_condemn_most=True)  # noqa: E731

    report = verify(storage, prune)

    assert before - packs(storage)
    assert report.errors == []


class Step:
    """Acts when the last root was looked through, before any pack is read."""

    def __init__(self, act) -> None:
        self.act = act

    def __call__(self, done, total, words) -> None:
        if words == "snapshots" and done == total - 1 and self.act:
            act, self.act = self.act, None
            act()


@pytest.mark.parametrize("one_alone", [True, False])
def test_a_pack_that_vanishes_and_was_not_to_be_read_is_missed(vault, storage, one_alone):
    snapshot = back_up(vault, 1, 2, 3)
    largest = max(packs(storage), key=lambda name: len(storage.objects[name]))
    options = {"snapshot": snapshot.id} if one_alone else {}

    report = Vault.open(storage, wrap=KEY).verify(
        read_data=0.0, on_progress=Step(lambda: storage.delete(largest)), **options
    )

    (error,) = report.errors
    assert (error["object"], error["kind"]) == (largest, "missing")
    assert error["snapshots"] == [snapshot.id]
    assert error["paths"] == ["tree/01", "tree/02", "tree/03"]


def test_packs_that_are_not_to_be_read_and_that_a_prune_rewrites_are_no_error(vault, storage):
    old = back_up(vault, 1, 2, 3, 4, 5)
    back_up(vault, 5, 6)
    drop(storage, old)
    before = packs(storage)
    prune = lambda: vault.prune(grace_days=0, may_condemn_most=True)  # noqa: E731

    report = Vault.open(storage, wrap=KEY).verify(read_data=0.0, on_progress=Step(prune))

    assert before - packs(storage)
    assert report.errors == []


def test_a_snapshot_that_is_removed_for_good_meanwhile_misses_nothing(vault, storage):
    going = back_up(vault, 1, 2)
    back_up(vault, 3)

    def remove() -> None:
        drop(storage, going)
        vault.prune(grace_days=0, may_condemn_most=True)

    before = packs(storage)
    report = Vault.open(storage, wrap=KEY).verify(read_data=0.0, on_progress=Step(remove))

    assert before - packs(storage)
    assert report.errors == []


def test_a_pack_that_is_listed_and_cannot_be_had_is_missed(vault, storage):
    """A list that shows what was deleted; or a store that lost the bytes and kept the name."""
    snapshot = back_up(vault, 1, 2, 3)
    largest = max(packs(storage), key=lambda name: len(storage.objects[name]))
    real = storage.list

    def stale(prefix):
        yield from real(prefix)
        if largest.startswith(prefix) and largest not in storage.objects:
            yield StoredObject(largest, len(kept))

    kept = storage.objects[largest]
    storage.list = stale

    (error,) = verify(storage, lambda: storage.delete(largest)).errors

    assert (error["object"], error["kind"]) == (largest, "missing")
    assert error["snapshots"] == [snapshot.id]
