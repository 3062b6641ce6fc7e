"""What a vault has in stock: packs, what is in them, and which of them count."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, file, folder
from webapp.vault import ObjectMissing, Vault
from webapp.vault.ids import ID_BYTES
from webapp.vault.packs import FOLDER, read_catalogue, read_trailer

DATA = random.Random(9).randbytes(3_000_000)


def source(*extra: bytes) -> MemorySource:
    items = [(file(b"tree/%02d" % number), DATA[number * 1000 :]) for number in range(4)]
    return MemorySource(folder(b"tree"), *items, *((file(path), path) for path in extra))


@pytest.fixture
def stock(vault, notes):
    vault.backup(source(b"tree/new"), name="site", report=notes)
    return vault._engine.stock


def test_packs_gives_each_pack_that_is_there_with_its_size_and_kind(stock, storage):
    stored = {name: data for name, data in storage.objects.items() if name.startswith(FOLDER)}

    found = {row.object_name: (row.size_bytes, row.kind) for row in stock.packs()}

    assert found == {name: (len(data), data[4:5]) for name, data in stored.items()}


@pytest.mark.parametrize("known", [True, False], ids=["from the index", "from the trailer"])
def test_a_catalogue_tells_segments_and_chunks_of_a_pack(stock, storage, vault, known):
    if not known:
        stock = Vault.open(storage, wrap=KEY)._engine.stock
    for row in vault._engine.stock.packs():
        places, ids = stock.catalogue(row.name)

        info = read_trailer(storage, vault._engine.ring, row.name, row.size_bytes)
        expected, raw = read_catalogue(info.catalogue, where="")
        assert (list(places), bytes(ids)) == (expected, bytes(raw))
        assert len(ids) == ID_BYTES * sum(place.chunk_count for place in places) > 0


def test_a_catalogue_of_no_pack_is_missing(stock):
    with pytest.raises(ObjectMissing):
        stock.catalogue("0" * 64)
