"""What is forgotten stays whole until it goes, however badly it is read meanwhile."""

from __future__ import annotations

import random

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.upkeep import back_up, sound
from webapp.vault import Vault
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


def test_what_can_be_read_of_a_forgotten_snapshot_stays(vault, storage):
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

    report = Vault.open(storage, wrap=KEY).prune(grace_days=0, may_condemn_most=True)

    kept = Vault.open(storage, wrap=KEY)._engine.stock
    kept.refresh()
    assert kept.locate(content_id) is not None
    assert "cannot be brought back whole" in " ".join(report.notes)
