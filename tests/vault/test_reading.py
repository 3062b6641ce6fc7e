"""Reading content: by many at once, at any offset, while packs move."""

from __future__ import annotations

import io
import random
import threading

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.items import EntryKind, sort_key
from webapp.vault import LocalStorage, Vault

DATA = random.Random(4).randbytes(12_000_000)


@pytest.fixture
def snapshot(vault):
    items = [(file(b"tree/%03d" % number), DATA[number * 9 : 40_000]) for number in range(300)]
    source = MemorySource(folder(b"tree"), *items, (file(b"tree/big"), DATA))
    return vault.backup(source, name="site", report=Notes()).snapshot


def test_many_readers_at_once_read_what_is_there(vault, snapshot):
    wrong = []

    def read(seed):
        entries = [one for one in vault.entries(snapshot) if one.kind is EntryKind.FILE]
        draw = random.Random(seed)
        for entry in draw.sample(entries, 100):
            with vault.open_content(entry) as stored:
                data = stored.read()
            start = 0 if entry.path == b"tree/big" else int(entry.path[5:]) * 9
            if data != DATA[start : start + entry.size]:
                wrong.append(entry.path)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_content_is_seekable(vault, snapshot):
    draw = random.Random(6)
    with vault.open_content(vault.find(snapshot, b"tree/big")) as stored:
        for _ in range(200):
            at, count = draw.randrange(len(DATA)), draw.randrange(5_000_000)
            stored.seek(at)
            assert stored.read(count) == DATA[at : at + count]
        assert stored.seek(-3, io.SEEK_END) == len(DATA) - 3
        assert stored.read() == DATA[-3:]
        assert stored.read(1) == b""


def test_a_folder_has_no_content(vault, snapshot):
    with pytest.raises(ValueError, match="no content"):
        vault.open_content(vault.find(snapshot, b"tree"))


def test_a_reader_that_was_open_before_a_backup_reads_its_snapshot(tmp_path):
    storage = LocalStorage(tmp_path / "vault")
    Vault.create(storage, wrap=KEY)
    reader = Vault.open(storage, wrap=KEY)
    reader.verify()
    writer = Vault.open(storage, wrap=KEY)

    snapshot = writer.backup(
        MemorySource((file(b"tree/a"), b"new")), name="site", report=Notes()
    ).snapshot

    assert contents(reader, snapshot.id) == {b"tree/a": b"new"}


def test_one_level_of_a_large_snapshot_reads_little(vault, storage):
    items = [
        file(b"tree/%02d/%05d-%s" % (number // 1000, number, b"x" * 60), size=0)
        for number in range(20_000)
    ]
    folders = [folder(b"tree"), *(folder(b"tree/%02d" % number) for number in range(20))]
    snapshot = vault.backup(MemorySource(*folders, *items), name="site", report=Notes()).snapshot
    reader = Vault.open(storage, wrap=KEY)
    fetched = []
    fetch = reader._engine.chunks.manifest
    reader._engine.chunks.manifest = lambda ref: fetched.append(ref) or fetch(ref)

    names = [entry.path for entry in reader.children(snapshot, b"tree")]
    assert names == [b"tree/%02d" % number for number in range(20)]
    fetched.clear()
    assert reader.find(snapshot, items[777].path) is not None

    assert len(fetched) == 1
    assert len(reader._engine.roots.parts("snapshots/" + snapshot.id)) > 20


@pytest.mark.parametrize("seed", range(6))
def test_one_level_is_what_lies_one_level_below(vault, seed):
    """Also where folders have no row of their own, and beside names that sort around them."""
    draw = random.Random(seed)
    names = [b"a", b"a-", b"a.", b"a0", b"b", b"c"]
    paths = {b"tree/" + b"/".join(draw.choices(names, k=draw.randrange(1, 5))) for _ in range(80)}
    paths = {one for one in paths if not any(two.startswith(one + b"/") for two in paths)}
    above = {b"/".join(one.split(b"/")[:n]) for one in paths for n in range(1, one.count(b"/") + 1)}
    kept = {one for one in above if draw.random() < 0.7}
    items = [*map(folder, kept), *(file(one, size=0) for one in paths)]
    snapshot = vault.backup(MemorySource(*items), name="site", report=Notes()).snapshot

    for level in [b"", *above]:
        found = [entry.path for entry in vault.children(snapshot, level)]

        wanted = {one for one in kept | paths if one.rpartition(b"/")[0] == level}
        assert found == sorted(wanted, key=sort_key)
