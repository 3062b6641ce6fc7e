"""Packs that prunes move to other names while somebody reads."""

from __future__ import annotations

import os
import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.trees import contents
from webapp.vault import Vault, packs
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.reader import ChunkReader
from webapp.vault.sealing import ObjectKey

LOOKS = 5  # as often as one read looks again
DATA = random.Random(4).randbytes(50_000)


@pytest.fixture
def snapshot(vault):
    source = MemorySource((file(b"tree/a"), DATA))
    return vault.backup(source, name="site", report=Notes()).snapshot


def move(storage, ring, pack):
    """Do as a prune: the same segments in a pack with another name, and the first is gone."""
    old = packs.read_trailer(storage, ring, pack.name, len(storage.objects[pack.object_name]))
    places, ids = packs.read_catalogue(old.catalogue, where=pack.name)
    key = ObjectKey(ring, old.kind, old.salt)
    draft = packs.PackDraft(ring=ring, kind=old.kind, salt=os.urandom(32))
    for counter, place in enumerate(places):
        sealed = storage.get(pack.object_name, offset=place.offset, length=place.length)
        head, frame = key.open(counter, sealed)
        some, ids = bytes(ids[: 32 * place.chunk_count]), ids[32 * place.chunk_count :]
        number, record = draft.reserve(
            head._replace(padding=0), [some[at : at + 32] for at in range(0, len(some), 32)]
        )
        draft.key.seal_into(record, number, head._replace(padding=0), frame=frame)
    info, data = draft.finish()
    storage.put(info.object_name, bytes(data))
    storage.delete(pack.object_name)


@pytest.fixture
def moving(storage, vault, snapshot, monkeypatch):
    """Lets the pack be moved before each of so many fetches; tells which of them found it."""
    fetch, left, found = ChunkReader._fetch, [0], []

    def fetching(reader, place):
        if place.pack.kind == packs.DATA:
            if left[0]:
                left[0] -= 1
                move(storage, vault._engine.ring, place.pack)
            found.append(place.pack.object_name in storage.objects)
        return fetch(reader, place)

    def times(count):
        left[0] = count
        return found

    monkeypatch.setattr(ChunkReader, "_fetch", fetching)
    return times


def test_what_prunes_move_during_one_read_is_found_each_time(storage, snapshot, moving):
    found = moving(LOOKS)

    assert contents(Vault.open(storage, wrap=KEY), snapshot.id) == {b"tree/a": DATA}
    assert found == [*[False] * LOOKS, True]


def test_what_moves_again_and_again_is_not_looked_for_for_ever(storage, snapshot, moving):
    found = moving(LOOKS + 10)

    with pytest.raises(ObjectMissing):
        contents(Vault.open(storage, wrap=KEY), snapshot.id)

    assert found == [False] * (LOOKS + 1)


def test_what_is_gone_and_nowhere_else_is_said(storage, vault, snapshot):
    reader = Vault.open(storage, wrap=KEY)
    entry = reader.find(snapshot, b"tree/a")
    for name in [one for one in storage.objects if one.startswith("packs/")]:
        if storage.objects[name][4:5] == packs.DATA:
            storage.delete(name)

    with pytest.raises(Damaged, match="the pack is missing"), reader.open_content(entry) as stored:
        stored.read()
