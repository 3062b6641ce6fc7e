"""What is forgotten stays whole until it goes, however badly it is read meanwhile."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.pruning.test_pruning import NoDeletes
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from tests.vault.upkeep import back_up, sound
from webapp.vault import Halted, Vault
from webapp.vault.errors import StorageLocked
from webapp.vault.snapshots import FINISHED


class CutShort:
    """A storage whose answers for one object are cut short, those of some numbers."""

    def __init__(self, inner, name: str, *numbers: int) -> None:
        self._inner, self._name, self._numbers = inner, name, numbers
        self._asked = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def get(self, name, **options):
        data = self._inner.get(name, **options)
        self._asked += name == self._name
        return data[:100] if name == self._name and self._asked in self._numbers else data


def test_a_forgotten_root_that_reads_wrong_once_keeps_all_that_it_needs(vault, storage):
    old, newer = back_up(vault, 1, 2, name="site"), back_up(vault, 3, 4, 5, name="site")
    vault.forget(snapshots=[old.id])
    cut = CutShort(storage, FINISHED + old.id, 2, 3)  # the first tells when it was made

    report = Vault.open(cut, wrap=KEY).prune(grace_days=0)
    vault.unforget(old.id)

    assert (report.condemned_packs, report.notes) == (0, [])
    assert sound(storage, old, newer)


def harm(storage, name: str) -> None:
    """Whoever reads this root's list of what it needs finds damage."""
    storage.objects[name] = flipped(storage.objects[name])


def harm_head(storage, name: str) -> None:
    """Nobody can even tell whose root this is."""
    data = bytearray(storage.objects[name])
    data[150] ^= 1
    storage.objects[name] = bytes(data)


@pytest.mark.parametrize("hurt", [harm, harm_head])
def test_a_forgotten_root_that_reads_wrong_stops_a_prune_while_it_can_be_brought_back(
    vault, storage, clock, hurt
):
    old, newer = back_up(vault, 1, 2, name="site"), back_up(vault, 3, 4, 5, name="site")
    vault.forget(snapshots=[old.id])
    whole = storage.objects[FINISHED + old.id]
    hurt(storage, FINISHED + old.id)
    clock.pass_days(6.9)
    before = dict(storage.objects)

    with pytest.raises(Halted, match=r"can yet be brought back.*--undo-for 0d"):
        Vault.open(storage, wrap=KEY).prune(grace_days=0, trust_clock=True)

    assert storage.objects == before
    storage.objects[FINISHED + old.id] = whole  # as when the disk is back
    Vault.open(storage, wrap=KEY).prune(grace_days=0, trust_clock=True)
    vault.unforget(old.id)
    assert sound(storage, old, newer)


@pytest.mark.parametrize("hurt", [harm, harm_head])
@pytest.mark.parametrize(("days", "undo_days"), [(7.1, 7.0), (0.0, 0.0)])
def test_a_forgotten_root_that_reads_wrong_goes_when_nobody_can_bring_it_back(
    vault, storage, clock, hurt, days, undo_days
):
    old, newer = back_up(vault, 1, 2, name="site"), back_up(vault, 3, 4, 5, name="site")
    vault.forget(snapshots=[old.id])
    hurt(storage, FINISHED + old.id)
    clock.pass_days(days)

    report = Vault.open(storage, wrap=KEY).prune(
        grace_days=0, undo_days=undo_days, trust_clock=True
    )

    assert report.dropped == [old.id]
    assert report.deleted_packs == 2
    assert sound(storage, newer)


class Locked(NoDeletes):
    """Nothing can be deleted yet that a snapshot cannot be read without."""

    def delete(self, name):
        if name.startswith(("snapshots/", "packs/")):
            raise StorageLocked(f"{name} is locked until 2030.")
        del self.objects[name]


def test_what_can_be_read_of_a_forgotten_snapshot_that_is_locked_stays(vault, storage, clock):
    many = [(file(b"tree/%05d" % number), b"") for number in range(6000)]
    content = random.Random(3).randbytes(500_000)
    source = MemorySource(folder(b"tree"), *many, (file(b"tree/z"), content))
    old, _newer = vault.backup(source, name="site", report=Notes()).snapshot, back_up(vault, 1)
    vault.forget(snapshots=[old.id], even_last=True)
    content_id = vault.find(old, b"tree/z").chunks[0][:32]
    engine = vault._engine
    first, *others = engine.roots.parts(FINISHED + old.id)
    assert others
    place = engine.stock.locate(first.ref[:32])
    data = bytearray(storage.objects[place.pack.object_name])
    data[place.offset + place.length // 2] ^= 1
    storage.objects[place.pack.object_name] = bytes(data)
    locked = Vault.open(Locked(storage), wrap=KEY)
    with pytest.raises(Halted, match="can yet be brought back"):
        locked.prune(grace_days=0, may_condemn_most=True)
    clock.pass_days(8)

    report = locked.prune(grace_days=0, may_condemn_most=True, trust_clock=True)

    kept = Vault.open(storage, wrap=KEY)._engine.stock
    kept.refresh()
    assert kept.locate(content_id).pack.name not in kept.condemned
    assert "cannot be brought back whole" in " ".join(report.notes)


def test_what_a_forgotten_snapshot_has_lost_stops_nothing(vault, storage):
    """Of what is in no pack at all, waiting brings nothing back."""
    old, newer = back_up(vault, 1, 2, name="site"), back_up(vault, 3, 4, 5, name="site")
    place = vault._engine.stock.locate(vault.find(old, b"tree/01").chunks[0][:32])
    vault.forget(snapshots=[old.id])
    storage.delete(place.pack.object_name)

    report = Vault.open(storage, wrap=KEY).prune(grace_days=0)

    assert report.notes == [
        f"snapshots/{old.id} is forgotten and damaged: it cannot be brought back whole."
    ]
    assert set(contents(vault, newer)) == {b"tree/03", b"tree/04", b"tree/05"}


def test_a_held_root_that_reads_wrong_stops_a_prune_however_long_it_was_forgotten(
    vault, storage, clock
):
    old, _newer = back_up(vault, 1, 2, name="site"), back_up(vault, 3, 4, 5, name="site")
    vault.forget(snapshots=[old.id])
    vault.hold(old.id, reason="court")
    harm(storage, FINISHED + old.id)
    clock.pass_days(20)

    with pytest.raises(Halted, match=old.id):
        Vault.open(storage, wrap=KEY).prune(grace_days=0, trust_clock=True)
