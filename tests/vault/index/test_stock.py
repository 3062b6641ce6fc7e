"""What a vault has in stock, and that its cache costs time at worst."""

from __future__ import annotations

import gc
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Vault, catalogues, index_cache, index_file
from webapp.vault.packs import FOLDER
from webapp.vault.storage.memory import MemoryStorage


class Counting(MemoryStorage):
    """Counts what is asked of it, by folder."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: Counter[str] = Counter()
        self.lists: list[str] = []

    def get(self, name, **options):
        self.gets[name.partition("/")[0]] += 1
        return super().get(name, **options)

    def list(self, prefix):
        self.lists.append(prefix)
        return super().list(prefix)

    def clear(self):
        self.gets.clear()
        self.lists.clear()


def tree(*numbers: int) -> dict[bytes, bytes]:
    return {b"tree/%03d" % n: random.Random(n).randbytes(3_000) for n in numbers}


def backup(vault: Vault, files: dict[bytes, bytes], name: str = "site", **options):
    items = [(file(path), data) for path, data in files.items()]
    source = MemorySource(folder(b"tree"), *items)
    return vault.backup(source, name=name, report=Notes(), **options)


@pytest.fixture
def storage() -> Counting:
    storage = Counting()
    Vault.create(storage, wrap=KEY)
    return storage


def opened(storage: MemoryStorage, cache: Path | None = None) -> Vault:
    return Vault.open(storage, wrap=KEY, cache_dir=cache)


def refreshed(storage: MemoryStorage, cache: Path) -> Vault:
    vault = opened(storage, cache)
    vault._engine.stock.refresh()
    return vault


def test_opening_reads_nothing_that_the_cache_knows(storage, tmp_path):
    for number in range(3):
        backup(opened(storage, tmp_path), tree(*range(number * 9, number * 9 + 9)))
    vault = opened(storage, tmp_path)
    storage.clear()

    vault._engine.stock.refresh()

    assert storage.gets == {}
    assert len(list(vault._engine.stock.packs())) == len(list(storage.list(FOLDER)))


def test_only_what_another_host_added_is_read(storage, tmp_path):
    backup(opened(storage, tmp_path / "here"), tree(*range(9)))
    backup(opened(storage, tmp_path / "there"), tree(*range(9, 20)), "other")
    vault = opened(storage, tmp_path / "here")
    storage.clear()

    vault._engine.stock.refresh()

    assert storage.gets == {"index": 1}
    result = backup(vault, tree(*range(20)), "third")
    assert result.tally.stored_bytes < 400_000  # its manifest and index object


def test_what_is_stored_while_a_backup_runs_is_found_at_once(storage):
    vault = opened(storage)
    found = []

    def look(tally):
        stock = vault._engine.stock
        found.append(sum(1 for row in stock.packs() if stock.info(row.name)))

    backup(vault, tree(*range(300)) | {b"tree/z": random.Random(1).randbytes(40 << 20)},
           on_progress=look)  # fmt: skip

    assert max(found) >= 2


def test_browsing_with_a_cache_lists_neither_packs_nor_index(storage, tmp_path):
    snapshot = backup(opened(storage, tmp_path), tree(*range(9))).snapshot
    vault = opened(storage, tmp_path)
    storage.clear()

    assert contents(vault, snapshot) == tree(*range(9))

    assert {"packs/", "index/", "condemned/"} & set(storage.lists) == set()
    assert storage.gets["index"] == 0


def test_packs_that_a_killed_run_left_are_indexed_by_the_next_writer(storage, tmp_path):
    """Whoever looked in between: what a check found out must not hide that no object lists them."""
    backup(opened(storage), tree(*range(9)))
    for name in [name for name in storage.objects if name.startswith(("index/", "snapshots/"))]:
        storage.delete(name)
    refreshed(storage, tmp_path)

    backup(opened(storage, tmp_path), tree(*range(9)))

    storage.clear()
    refreshed(storage, tmp_path / "new")
    assert storage.gets["packs"] == 0


def test_index_objects_that_were_replaced_are_forgotten_and_the_new_ones_kept(storage, tmp_path):
    """As many as before, so that only their names tell."""
    vault = opened(storage, tmp_path)
    backup(vault, tree(*range(9)))
    (old,) = (name for name in storage.objects if name.startswith("index/"))
    engine = vault._engine
    infos = [engine.stock.info(row.name) for row in engine.stock.packs()]
    new, _ = catalogues.write(storage, engine.ring, infos, identity=b"n" * 16, salt=b"s" * 32)
    storage.delete(old)
    refreshed(storage, tmp_path)
    storage.clear()

    again = refreshed(storage, tmp_path)

    assert storage.gets["index"] == 0
    assert again._engine.stock._covered == {new}


def test_a_closed_vault_lets_go_of_the_cache_and_can_be_asked_again(storage, based):
    before = len(os.listdir("/proc/self/fd"))
    gc.disable()
    try:
        for _ in range(20):
            vault = refreshed(storage, based.parent)
            assert vault._engine.stock.index.base is not None
            vault.close()
    finally:
        gc.enable()

    assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert contents(vault, vault.snapshots()[0]) == tree(*range(9))


def test_a_pack_of_another_size_is_not_relied_on(storage, tmp_path):
    backup(opened(storage, tmp_path), tree(*range(9)))
    for name in [name for name in storage.objects if name.startswith(FOLDER)]:
        storage.objects[name] = storage.objects[name][:-65_536]

    vault = opened(storage, tmp_path)
    snapshot = backup(vault, tree(*range(9)), parent=None).snapshot

    assert contents(vault, snapshot) == tree(*range(9))
    assert len(vault._engine.stock.distrusted) == 2


def test_a_pack_condemned_while_a_backup_runs_counts_as_absent(storage, tmp_path):
    from tests.vault.test_invariants import condemn

    vault = opened(storage, tmp_path)
    backup(vault, tree(*range(9)))
    stock = vault._engine.stock
    ids = [one for info in map(stock.info, stock.present) for one in _ids(info)]
    assert all(one in stock.index for one in ids)

    condemn(vault, storage)
    stock.refresh()

    assert not any(one in stock.index for one in ids)
    assert stock.doomed() == set(ids)
    assert all(stock.locate(one) for one in ids)


def _ids(info):
    from tests.vault.index.made import chunks_of

    return chunks_of(info)


@pytest.fixture
def based(storage, tmp_path, monkeypatch) -> Path:
    """A cache whose index lies in a base, and all of it is lazily authenticated."""
    monkeypatch.setattr(index_cache, "RECENT_CHUNKS", 0)
    backup(opened(storage, tmp_path), tree(*range(9)))
    refreshed(storage, tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".index"
    return path


def damage(path: Path, section: int) -> None:
    """Change all of a section but its first entry."""
    data = bytearray(path.read_bytes())
    lengths = index_file.peek(path).sections
    end = len(data) - sum(lengths[section + 1 :])
    for at in range(end - lengths[section] + (32 if section == 0 else 0), end):
        data[at] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize("section", [0, 1, 2], ids=["ids", "segments", "slots"])
def test_a_damaged_cache_is_made_anew_while_it_is_used(storage, based, section):
    damage(based, section)
    vault = opened(storage, based.parent)

    result = backup(vault, tree(*range(12)), parent=None)

    stock = vault._engine.stock
    names = [row.name for row in stock.packs()]
    stored = [one for name in names for one in _ids(stock.info(name))]
    assert len(stored) == len(set(stored))  # nothing was stored twice
    assert contents(vault, result.snapshot) == tree(*range(12))
    assert contents(opened(storage), result.snapshot) == tree(*range(12))
    assert vault.verify(read_data=1.0).ok


def test_a_cache_that_claims_a_chunk_which_is_not_there_loses_no_data(storage, based):
    """One id in the file is changed into that of a chunk to come, which falls into its slot."""
    vault = refreshed(storage, based.parent)
    coming = b"to come" * 100
    wanted = vault._engine.ring
    from webapp.vault.ids import chunk_id

    identity = chunk_id(wanted.data_ids, coming)
    stock = vault._engine.stock
    data = bytearray(based.read_bytes())
    head = index_file.peek(based)
    start = len(data) - sum(head.sections)
    slots_at = len(data) - head.sections[2]
    slot = int.from_bytes(identity[:4], "little") & ((1 << head.bits) - 1)
    data[start + 32 : start + 64] = identity
    stock.index.use(None)
    forged = int.from_bytes(identity[4:8], "little") & ~((1 << head.bits) - 1) | 1
    data[slots_at + 4 * slot : slots_at + 4 * slot + 4] = forged.to_bytes(4, "little")
    based.write_bytes(data)

    vault = opened(storage, based.parent)
    snapshot = backup(vault, {b"tree/new": coming}, "new").snapshot

    assert contents(opened(storage), snapshot) == {b"tree/new": coming}


def test_a_cache_put_back_to_an_older_state_claims_nothing_that_went_away(storage, tmp_path):
    from tests.vault.test_invariants import condemn, delete_condemned

    vault = opened(storage, tmp_path / "cache")
    backup(vault, tree(*range(9)))
    shutil.copytree(tmp_path / "cache", tmp_path / "old")
    for name in [name for name in storage.objects if name.startswith("snapshots/")]:
        storage.delete(name)
    delete_condemned(storage, condemn(vault, storage))

    again = opened(storage, tmp_path / "old")
    snapshot = backup(again, tree(*range(9))).snapshot

    assert contents(opened(storage), snapshot) == tree(*range(9))


def test_without_a_folder_the_index_works_from_memory_and_temporary_files(storage, monkeypatch):
    from webapp.vault import lumps

    monkeypatch.setattr(lumps, "LIMIT_BYTES", 100)
    vault = opened(storage)
    snapshot = backup(vault, tree(*range(30))).snapshot

    again = opened(storage)
    assert contents(again, snapshot) == tree(*range(30))
    assert backup(again, tree(*range(30)), "same", parent=None).tally.stored_bytes < 100_000
    assert again._engine.stock.index.recent.id_lump.view is None
