"""What verify names, and whom it says that hurts."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import LocalStorage, Vault
from webapp.vault.packs import FULL_BYTES as FULL
from webapp.vault.snapshots import seal_root
from webapp.vault.storage.memory import MemoryStorage

DRAW = random.Random(9)
SHARED = DRAW.randbytes(600_000)
FILES = {
    b"tree/shared": SHARED,
    b"tree/only-here": DRAW.randbytes(600_000),
    b"tree/small": b"small",
}


@pytest.fixture
def storage(storage: MemoryStorage) -> MemoryStorage:
    """Two snapshots, `site` and `other`; both hold `tree/shared`."""
    vault = Vault.create(storage, wrap=KEY)
    backup(vault, FILES, "site")
    backup(vault, {b"tree/shared": SHARED}, "other")
    return storage


def backup(vault: Vault, files: dict[bytes, bytes], name: str, **options):
    items = [(file(path), data) for path, data in files.items()]
    source = MemorySource(folder(b"tree"), *items)
    return vault.backup(source, name=name, report=Notes(), **options).snapshot


def opened(storage: MemoryStorage) -> Vault:
    return Vault.open(storage, wrap=KEY)


def snapshot_of(storage: MemoryStorage, name: str) -> str:
    return opened(storage).snapshots(name)[0].id


def damage(storage: MemoryStorage, path: bytes) -> str:
    """Flip a bit in the middle of the segment that holds the file's first chunk."""
    vault = opened(storage)
    entry = vault.find(snapshot_of(storage, "site"), path)
    place = vault._engine.stock.locate(entry.chunks[0][:32])
    name = place.pack.object_name
    data = bytearray(storage.objects[name])
    data[place.offset + place.length // 2] ^= 16
    storage.objects[name] = bytes(data)
    return name


def test_a_sound_vault_has_no_errors_and_nothing_to_note(storage):
    report = opened(storage).verify(read_data=1.0)

    assert report.ok
    assert report.notes == []
    assert report.bytes_read > 1_200_000


def test_damage_is_named_with_the_snapshots_and_paths_it_hurts(storage):
    name = damage(storage, b"tree/only-here")

    (error,) = opened(storage).verify(read_data=1.0).errors

    assert error["object"] == name
    assert error["problem"].endswith("is damaged")
    assert error["snapshots"] == [snapshot_of(storage, "site")]
    assert error["paths"] == ["tree/only-here"]


def test_damage_that_several_snapshots_share_hurts_all_of_them(storage):
    damage(storage, b"tree/shared")

    (error,) = opened(storage).verify(read_data=1.0).errors

    assert len(error["snapshots"]) == 2
    assert error["paths"] == ["tree/shared"]


def test_damage_beside_the_chunks_hurts_no_snapshot(storage):
    name = max(name for name in storage.objects if name.startswith("packs/"))
    storage.objects[name] = flipped(storage.objects[name])

    (error,) = opened(storage).verify(read_data=1.0).errors

    assert error["object"] == name
    assert error["snapshots"] == []


def test_a_chunk_that_is_in_another_pack_too_hurts_no_snapshot(storage):
    name = damage(storage, b"tree/only-here")
    opened(storage).verify(read_data=1.0)  # marks the pack
    backup(opened(storage), FILES, "again")

    (error,) = opened(storage).verify(read_data=1.0).errors or [{"snapshots": []}]

    assert error["snapshots"] == []
    assert contents(opened(storage), snapshot_of(storage, "site")) == FILES
    assert name in storage.objects


def test_known_damage_is_told_again_by_a_check_that_reads_no_data(storage):
    name = damage(storage, b"tree/only-here")
    opened(storage).verify(read_data=1.0)

    assert [error["object"] for error in opened(storage).verify().errors] == [name]


def test_after_damage_was_found_a_backup_stores_the_chunk_again(storage):
    damage(storage, b"tree/only-here")
    vault = opened(storage)
    vault.verify(read_data=1.0)

    made = backup(vault, FILES, "site")

    assert contents(opened(storage), made.id) == FILES


def test_when_nearly_all_seems_damaged_nothing_is_marked(storage):
    for number in range(20):
        backup(opened(storage), {b"tree/n": DRAW.randbytes(1000)}, f"site-{number}")
    for name in [name for name in storage.objects if name.startswith("packs/")]:
        storage.objects[name] = (
            storage.objects[name][:300] + b"\0" * 9 + storage.objects[name][309:]
        )

    report = opened(storage).verify(read_data=1.0)

    assert not any(name.startswith("condemned/") for name in storage.objects)
    assert "check this machine's memory" in " ".join(report.notes)


def test_what_reads_wrong_once_and_right_again_is_not_called_damaged(storage):
    class Flaky(MemoryStorage):
        first = True

        def get(self, name, *, offset=0, length=None):
            data = super().get(name, offset=offset, length=length)
            is_whole = name.startswith("packs/") and not offset and (length or FULL) >= FULL
            if self.first and is_whole:
                self.first = False
                return data[:500] + bytes([data[500] ^ 1]) + data[501:]
            return data

    flaky = Flaky()
    flaky.objects = storage.objects

    assert Vault.open(flaky, wrap=KEY).verify(read_data=1.0).ok


def test_one_snapshot_is_checked_without_the_others(storage):
    damage(storage, b"tree/only-here")

    assert opened(storage).verify(snapshot=snapshot_of(storage, "other"), read_data=1.0).ok
    assert not opened(storage).verify(snapshot=snapshot_of(storage, "site"), read_data=1.0).ok


def test_a_missing_pack_is_named_by_what_the_index_remembers(storage):
    vault = opened(storage)
    entry = vault.find(snapshot_of(storage, "site"), b"tree/only-here")
    name = vault._engine.stock.locate(entry.chunks[0][:32]).pack.object_name
    del storage.objects[name]

    errors = {error["object"]: error for error in opened(storage).verify().errors}

    assert errors[name]["problem"] == "it is missing"
    assert errors[name]["kind"] == "missing"
    assert "tree/only-here" in errors[name]["paths"]


def test_a_snapshot_that_was_left_out_shows_by_the_one_that_follows_it(storage):
    first = snapshot_of(storage, "site")
    backup(opened(storage), FILES | {b"tree/new": b"new"}, "site")
    del storage.objects["snapshots/" + first]

    (error,) = opened(storage).verify().errors

    assert (error["object"], error["kind"]) == ("snapshots/" + first, "chain")
    assert "nobody has forgotten it" in error["problem"]


def test_a_snapshot_that_was_replaced_by_a_sound_one_shows(storage):
    first = snapshot_of(storage, "site")
    engine = opened(storage)._engine
    backup(opened(storage), FILES | {b"tree/new": b"new"}, "site")
    name = "snapshots/" + first
    root, parts = engine.roots.read(name), engine.roots.parts(name)
    forged = seal_root(engine.ring, root, parts, folder="snapshots/", salt=engine.salt())
    storage.objects[name] = forged

    (error,) = opened(storage).verify().errors

    assert (error["object"], error["kind"]) == (name, "chain")
    assert "replaced" in error["problem"]


def test_an_index_object_is_read_even_where_a_cache_stands_for_it(storage, tmp_path):
    for number in range(3):
        backup(opened(storage), {b"tree/n": DRAW.randbytes(100)}, f"site-{number}")
    Vault.open(storage, wrap=KEY, cache_dir=tmp_path).verify()
    name = next(name for name in storage.objects if name.startswith("index/"))
    storage.objects[name] = flipped(storage.objects[name])

    report = Vault.open(storage, wrap=KEY, cache_dir=tmp_path).verify()

    assert [error["object"] for error in report.errors] == [name]


def test_progress_is_told_pack_by_pack(storage):
    told = []
    opened(storage).verify(read_data=1.0, on_progress=lambda *step: told.append(step))

    packs = [step for step in told if step[2] == "packs read"]
    assert packs[-1][0] == packs[-1][1] == len(packs)


def test_a_vault_in_a_folder_is_checked_twice_with_the_same_outcome(tmp_path):
    storage = LocalStorage(tmp_path / "vault")
    backup(Vault.create(storage, wrap=KEY), FILES, "site")

    reports = [Vault.open(storage, wrap=KEY).verify(read_data=1.0) for _ in range(2)]

    assert all(report.ok for report in reports)
    assert reports[1].coverage.never_bytes == 0
