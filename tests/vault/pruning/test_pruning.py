"""Prune frees what no snapshot needs, and nothing else."""

from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.trees import contents
from tests.vault.upkeep import DATA, back_up, drop, packs, sound
from webapp.vault import Halted, NewerFormat, StorageDenied, Vault, config, documents
from webapp.vault.snapshots import FINISHED, PENDING
from webapp.vault.storage.memory import MemoryStorage


def test_what_all_snapshots_need_stays(vault, storage):
    snapshot = back_up(vault, 1, 2, 3)
    before = packs(storage)

    report = vault.prune(grace_days=0)

    assert packs(storage) == before
    assert (report.condemned_packs, report.deleted_packs) == (0, 0)
    assert sound(storage, snapshot)


def test_what_no_snapshot_needs_is_condemned_now_and_deleted_after_the_grace(vault, storage, clock):
    old, kept = back_up(vault, 1, 2, 3), back_up(vault, 4, 5, 6)
    before = packs(storage)
    drop(storage, old)

    first = vault.prune()
    clock.pass_days(6.9)
    early = vault.prune()
    assert packs(storage) == before
    clock.pass_days(0.2)
    last = vault.prune()

    assert first.condemned_packs == 2
    assert early.waiting_packs == 2
    assert (last.deleted_packs, last.waiting_packs) == (2, 0)
    assert len(packs(storage)) == len(before) - 2
    assert not any(storage.list("condemned/"))
    assert sound(storage, kept)


def test_packs_of_which_little_is_needed_are_rewritten(vault, storage):
    old = back_up(vault, 1, 2, 3, 4, 5)
    kept = back_up(vault, 5, 6)
    drop(storage, old)

    report = vault.prune(grace_days=0, may_condemn_most=True)

    assert report.deleted_packs >= 2
    assert 600_000 < report.copied_bytes < 900_000
    assert sum(len(storage.objects[name]) for name in packs(storage)) < 1_700_000
    assert sound(storage, kept)


def test_packs_of_which_most_is_needed_stay(vault, storage):
    old, kept = back_up(vault, 1, 2, 3, 4, 5), back_up(vault, 1, 2, 3)
    drop(storage, old)

    report = vault.prune(grace_days=0)

    assert report.copied_bytes == 0
    assert sound(storage, kept)


def test_a_budget_limits_what_is_rewritten(vault, storage):
    for first in (1, 5):
        old = back_up(vault, *range(first, first + 4))
        back_up(vault, first)
        drop(storage, old)

    report = vault.prune(grace_days=0, budget_bytes=1_000_000, may_condemn_most=True)
    later = vault.prune(grace_days=0, may_condemn_most=True)

    assert 600_000 < report.copied_bytes < 1_000_000
    assert 600_000 < later.copied_bytes < 1_000_000
    assert sound(storage)


def test_a_dry_run_changes_nothing_and_says_what_would_be_done(vault, storage):
    old = back_up(vault, 1, 2, 3)
    back_up(vault, 3, 4, 5, 6, 7, 8)
    drop(storage, old)
    before = dict(storage.objects)

    report = vault.prune(dry_run=True)

    assert storage.objects == before
    assert report.condemned_packs > 0
    assert vault.prune().condemned_packs == report.condemned_packs


def test_an_unreadable_root_stops_it(vault, storage):
    back_up(vault, 1)
    broken = FINISHED + back_up(vault, 2).id
    storage.objects[broken] = flipped(storage.objects[broken])
    before = dict(storage.objects)

    with pytest.raises(Halted, match=broken):
        vault.prune(grace_days=0)

    assert storage.objects == before


def test_an_unreadable_manifest_stops_it(vault, storage):
    lost = back_up(vault, 1)
    drop(storage, lost)
    snapshot = back_up(vault, 2)
    place = vault._engine.stock.locate(
        vault._engine.roots.parts(FINISHED + snapshot.id)[0].ref[:32]
    )
    data = bytearray(storage.objects[place.pack.object_name])
    data[place.offset + 100] ^= 1
    storage.objects[place.pack.object_name] = bytes(data)
    before = dict(storage.objects)

    with pytest.raises(Halted, match="cannot be read"):
        Vault.open(storage, wrap=KEY).prune(grace_days=0)

    assert storage.objects == before


def test_data_that_is_in_no_pack_stops_it(vault, storage):
    back_up(vault, 1)
    back_up(vault, 2)
    largest = max(packs(storage), key=lambda name: len(storage.objects[name]))
    storage.delete(largest)

    with pytest.raises(Halted, match="in no pack"):
        Vault.open(storage, wrap=KEY).prune(grace_days=0)


def test_more_than_half_is_condemned_only_if_that_is_allowed(vault, storage):
    old, kept = back_up(vault, 1, 2, 3), back_up(vault, 4)
    drop(storage, old)

    with pytest.raises(Halted, match="of the vault"):
        vault.prune()

    assert not any(storage.list("condemned/"))
    assert vault.prune(grace_days=0, may_condemn_most=True).deleted_packs == 2
    assert sound(storage, kept)


def test_a_prune_that_died_after_condemning_is_completed_by_the_next(vault, storage):
    old, kept = back_up(vault, 1, 2), back_up(vault, 3, 4, 5)
    drop(storage, old)
    vault.prune()

    report = Vault.open(storage, wrap=KEY).prune(grace_days=0)

    assert report.deleted_packs == 2
    assert sound(storage, kept)


def test_what_is_needed_again_is_copied_out_of_condemned_packs(vault, storage):
    old = back_up(vault, 1, 2)
    back_up(vault, 3, 4, 5)
    root = storage.objects[FINISHED + old.id]
    drop(storage, old)
    vault.prune()
    storage.objects[FINISHED + old.id] = root  # as if it had been on its way all the time

    report = Vault.open(storage, wrap=KEY).prune(grace_days=0)

    assert report.rescued > 2
    assert report.deleted_packs == 2
    assert sound(storage, old)


def test_a_condemned_pack_that_cannot_be_read_and_is_needed_stays(vault, storage):
    snapshot = back_up(vault, 1, 2)
    back_up(vault, 3, 4, 5, name="other")
    largest = next(
        name
        for name in packs(storage)
        if vault._engine.stock.index.info(name[6:]).kind == b"D"
        and vault._engine.stock.locate(
            next(iter(vault.find(snapshot, b"tree/01").chunks))[:32]
        ).pack.object_name
        == name
    )
    data = bytearray(storage.objects[largest])
    data[2000] ^= 1
    storage.objects[largest] = bytes(data)
    assert not vault.verify(read_data=1.0).ok  # condemns it
    assert any(storage.list("condemned/"))

    report = Vault.open(storage, wrap=KEY).prune(grace_days=0)

    assert largest in storage.objects
    assert any(storage.list("condemned/"))
    assert "cannot be read" in report.notes[0]


def harm(storage, place) -> None:
    data = bytearray(storage.objects[place.pack.object_name])
    data[place.offset + place.length // 2] ^= 1
    storage.objects[place.pack.object_name] = bytes(data)


@pytest.mark.parametrize("more", [False, True], ids=["", "and some is nowhere else"])
def test_of_a_damaged_pack_what_is_needed_is_taken_from_where_it_is_sound(vault, storage, more):
    """The other place may be condemned in the same run: nothing seems to need it."""
    first = back_up(vault, 1, 2, 3, 4, 5)
    hidden = {name: storage.objects.pop(name) for name in [*storage.objects] if "s/" in name}
    storage.objects |= {name: data for name, data in hidden.items() if name.startswith("keys")}
    second = back_up(Vault.open(storage, wrap=KEY), 5, 9, 10, 11)
    storage.objects |= hidden
    again = Vault.open(storage, wrap=KEY)
    kept = back_up(again, 5)
    place, other = again._engine.stock.places(again.find(kept, b"tree/05").chunks[0][:32])
    hurt = 4 if place.pack.name == packed(vault, first, 4).pack.name else 9
    lost = back_up(again, hurt, name="hurt") if more else None
    drop(storage, first)
    drop(storage, second)
    harm(storage, place)
    if lost is not None:
        harm(storage, packed(again, lost, hurt))

    Vault.open(storage, wrap=KEY).prune(grace_days=0, may_condemn_most=True)

    assert other.pack.object_name not in storage.objects
    assert (place.pack.object_name in storage.objects) is more
    assert contents(Vault.open(storage, wrap=KEY), kept)[b"tree/05"] == DATA[3_500_000:4_200_000]


def packed(vault: Vault, snapshot, number: int):
    """Where the first chunk of a file lies."""
    return vault._engine.stock.locate(vault.find(snapshot, b"tree/%02d" % number).chunks[0][:32])


class NoDeletes(MemoryStorage):
    """What a writer's credentials see that cannot delete."""

    def __init__(self, inner: MemoryStorage) -> None:
        super().__init__(inner._now_ns)
        self.objects = inner.objects

    def delete(self, name):
        raise StorageDenied(name)


def test_without_the_right_to_delete_all_but_prune_works(vault, storage):
    old = back_up(vault, 1, 2)
    drop(storage, old)
    careful = Vault.open(NoDeletes(storage), wrap=KEY)
    kept = back_up(careful, 3, 4, 5)
    assert len(list(storage.list(PENDING))) == 1

    with pytest.raises(StorageDenied):
        careful.prune(grace_days=0)
    assert sound(storage, kept)
    report = careful.prune(grace_days=0, storage_for_deletes=storage)

    assert report.deleted_packs + report.condemned_packs >= 2
    assert not any(storage.list(PENDING))
    assert sound(storage, kept)


def test_a_newer_release_that_moves_in_meanwhile_stops_the_deletes(vault, storage):
    old = back_up(vault, 1, 2)
    back_up(vault, 3, 4, 5)
    drop(storage, old)
    vault.prune()
    before = packs(storage)
    document = dict(config.read(storage)[1]) | {"features": ["later"], "revision": 2}

    def upgrade(name: str) -> None:
        for one in config.NAMES:
            storage.objects[one] = documents.encode(document)

    storage.on_list = upgrade
    with pytest.raises(NewerFormat):
        vault.prune(grace_days=0)

    assert packs(storage) == before
