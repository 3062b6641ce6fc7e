"""What a backup that goes on has stored is spared: a long first one need not store it twice."""

from __future__ import annotations

import random
from functools import partial

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from tests.vault.upkeep import Clock, back_up, packs, sound
from webapp.vault import StorageFull, Vault
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.unfinished import FOLDER, announce

DATA = {b"tree/%d" % number: random.Random(number).randbytes(17_000_000) for number in range(5)}


class Slow(MemoryStorage):
    """A day goes by with each pack, and after each index object something happens."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(now_ns=clock)
        self._clock = clock
        self.daily = lambda: None

    def put(self, name, data):
        super().put(name, data)
        if name.startswith("packs/"):
            self._clock.pass_days(2)
        if name.startswith("index/"):
            self.daily()


@pytest.fixture
def storage(clock) -> Slow:
    return Slow(clock)


@pytest.fixture
def vault(storage, clock) -> Vault:
    hooks = Hooks(time_ns=clock, monotonic=lambda: clock() / 10**9)
    return Vault.create(storage, wrap=KEY, hooks=hooks)


def large() -> MemorySource:
    return MemorySource(folder(b"tree"), *((file(path), data) for path, data in DATA.items()))


def prune(storage, reports: list, **details) -> None:
    done = Vault.open(storage, wrap=KEY).prune(may_condemn_most=True, **details)
    reports.append(done)


def test_a_first_backup_that_outlasts_the_grace_stores_everything_once(vault, storage):
    reports: list = []
    storage.daily = partial(prune, storage, reports)
    notes = Notes()

    result = vault.backup(large(), name="site", report=notes)

    assert len(reports) > 5
    assert {one.condemned_packs for one in reports} == {0}
    assert max(one.unfinished_packs for one in reports) > 4
    assert notes.lines == []
    assert result.tally.stored_bytes < 1.02 * result.tally.logical_bytes
    assert not any(storage.list(FOLDER))
    assert sound(storage, result.snapshot)


def test_a_first_backup_beside_prunes_without_any_grace_ends_by_itself(vault, storage):
    reports: list = []

    def daily():
        if len(reports) < 4:
            prune(storage, reports, grace_days=0)

    storage.daily = daily
    notes = Notes()

    result = vault.backup(large(), name="site", report=notes)

    assert sum(one.deleted_packs for one in reports) >= 3
    assert len(notes.lines) == 1
    assert contents(Vault.open(storage, wrap=KEY), result.snapshot) == DATA
    assert sound(storage)


def test_what_a_backup_stored_that_died_waits_for_the_next_for_the_grace(vault, storage, clock):
    def die():
        raise StorageFull("no space")

    kept = back_up(vault, 1)
    clock.pass_days(1)
    storage.daily = die
    with pytest.raises(StorageFull):
        vault.backup(large(), name="large", report=Notes())
    said = {name for name in storage.objects if name.startswith(FOLDER)}
    storage.daily = lambda: None
    fresh = Vault.open(storage, wrap=KEY)

    early = fresh.prune(may_condemn_most=True)
    assert (early.condemned_packs, said <= storage.objects.keys()) == (0, True)
    assert early.unfinished_packs >= 1
    clock.pass_days(7)
    before = packs(storage)
    late = fresh.prune(may_condemn_most=True)

    assert late.condemned_packs == early.unfinished_packs
    assert not said & storage.objects.keys()
    assert packs(storage) == before
    assert sound(storage, kept)


def test_what_is_said_in_the_far_future_spares_nothing(vault, storage, clock):
    back_up(vault, 1)
    clock.pass_days(400)
    vault._engine.stock.refresh()
    announce(vault._engine, [name[6:] for name in packs(storage)], run=b"r" * 16)
    clock.pass_days(-400)

    prune(storage, [])

    assert not any(storage.list(FOLDER))
