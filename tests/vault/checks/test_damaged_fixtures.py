"""Vaults that were harmed in known ways: what verify says of each, word for word."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import (
    ConsoleKey,
    Damaged,
    NotAVault,
    Vault,
    boxes,
    config,
    documents,
    unfinished,
)
from webapp.vault.pruning import alone
from webapp.vault.snapshots import seal_root
from webapp.vault.storage.memory import MemoryStorage

BIG = random.Random(4).randbytes(600_000)


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    """Two snapshots of one source, the second following on the first."""
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    items = [(file(b"tree/big"), BIG), (file(b"tree/small"), b"small")]
    vault.backup(MemorySource(folder(b"tree"), *items), name="site", report=Notes())
    items.append((file(b"tree/z"), b"later"))
    vault.backup(MemorySource(folder(b"tree"), *items), name="site", report=Notes())
    vault.verify(read_data=1.0)
    return dict(storage.objects)


@pytest.fixture
def storage(sound, storage) -> MemoryStorage:
    storage.objects = dict(sound)
    return storage


def errors_of(storage: MemoryStorage) -> dict[str, set[str]]:
    errors = Vault.open(storage, wrap=KEY).verify(read_data=1.0, remember=False).errors
    found: dict[str, set[str]] = {}
    for error in errors:
        found.setdefault(str(error["object"]), set()).add(str(error["problem"]))
    return found


def names(storage: MemoryStorage, prefix: str) -> list[str]:
    """The largest first."""
    found = [name for name in storage.objects if name.startswith(prefix)]
    return sorted(found, key=lambda name: len(storage.objects[name]), reverse=True)


def engine_of(storage: MemoryStorage):
    return Vault.open(storage, wrap=KEY)._engine


def first_snapshot(storage: MemoryStorage) -> str:
    return "snapshots/" + Vault.open(storage, wrap=KEY).snapshots()[-1].id


def pack_missing(storage):
    name = names(storage, "packs/")[0]
    storage.delete(name)
    return name, "it is missing"


def pack_missing_without_index(storage):
    storage.delete(names(storage, "packs/")[0])
    for name in names(storage, "index/"):
        storage.delete(name)
    return "packs", "chunks that are needed are in no pack"


def trailer_cut(storage):
    name = names(storage, "packs/")[0]
    storage.objects[name] = storage.objects[name][:-200]
    return name, "its length is not that of a pack"


def trailer_overwritten(storage):
    name = names(storage, "packs/")[0]
    storage.objects[name] = storage.objects[name][:-72] + bytes(72)
    return name, "record of the trailer is damaged"


def pack_renamed(storage):
    old, new = names(storage, "packs/")[0], "packs/" + "ab" * 32
    storage.objects[new] = storage.objects.pop(old)
    return new, "its bytes are not what its name says"


def pack_empty(storage):
    name = names(storage, "packs/")[0]
    storage.objects[name] = b""
    return name, "it is cut short"


def pack_of_another_kind(storage):
    name = names(storage, "packs/")[0]
    storage.objects[name] = storage.objects[names(storage, "snapshots/")[0]]
    return name, "it is not what its name says"


def key_file_cut(storage):
    name = names(storage, "keys/")[0]
    storage.objects[name] = storage.objects[name][:100]
    return name, "its checksum does not match"


def key_file_missing(storage):
    name = names(storage, "keys/")[0]
    storage.delete(name)
    return name, "it is missing; its copy is there"


def key_file_renamed(storage):
    old, new = names(storage, "keys/")[0], "keys/" + "ab" * 16
    storage.objects[new] = storage.objects[old]
    return new, "it lies under another key slot's name"


def config_missing(storage):
    storage.delete("config")
    return "config", "it is missing; its copy is there"


def config_rolled_back(storage):
    """The copy is one revision ahead, and right."""
    engine = engine_of(storage)
    newer = replace(engine.config, revision=2)
    other = MemoryStorage()
    config.write(other, newer, engine.ring)
    storage.objects["config-copy"] = other.objects["config-copy"]
    return "config", "it is not the same as its copy, and older"


def config_forged(storage):
    document = documents.decode("config", storage.objects["config"])
    document["chunkers"] = ["other"]
    storage.objects["config"] = documents.encode(document)
    return "config", "it was not written by a holder of this vault's key"


def snapshot_forged(storage):
    stranger = Vault.create(MemoryStorage(), wrap=ConsoleKey("test", b"x" * 32))._engine
    engine, name = engine_of(storage), "snapshots/" + "ab" * 16
    root = replace(engine.roots.finished()[0], id="ab" * 16)
    storage.objects[name] = seal_root(
        stranger.ring, root, [], folder="snapshots/", salt=stranger.salt()
    )
    return name, "its first bytes are damaged, or another vault's key sealed it"


def snapshot_renamed(storage):
    new = "snapshots/" + "ab" * 16
    storage.objects[new] = storage.objects.pop(names(storage, "snapshots/")[0])
    return new, "record 0 is damaged"


def pending_passed_off_as_finished(storage):
    engine, name = engine_of(storage), "snapshots/" + "ab" * 16
    root = replace(engine.roots.finished()[0], id="ab" * 16)
    storage.objects[name] = seal_root(engine.ring, root, [], folder="pending/", salt=engine.salt())
    return name, "record 0 is damaged"


def snapshot_left_out(storage):
    name = first_snapshot(storage)
    storage.delete(name)
    return name, "it is gone, and nobody has forgotten it; a later snapshot follows on it"


def snapshot_rolled_back(storage):
    """Sealed by a holder of the key, and not the object that was there."""
    engine, name = engine_of(storage), first_snapshot(storage)
    root, parts = engine.roots.read(name), engine.roots.parts(name)
    storage.objects[name] = seal_root(
        engine.ring, root, parts, folder="snapshots/", salt=engine.salt()
    )
    return name, "it is not the object that a later snapshot follows on; it was replaced"


def index_object_of_another_name(storage):
    old, new = names(storage, "index/")[0], "index/" + "ab" * 16
    storage.objects[new] = storage.objects.pop(old)
    return new, "record 0 is damaged"


def coverage_cut(storage):
    name = names(storage, "checked/")[0]
    storage.objects[name] = storage.objects[name][:2000]
    return name, "record 0 is damaged"


def announcement_cut(storage):
    name = unfinished.announce(engine_of(storage), ["ee" * 32], run=b"r" * 16)
    storage.objects[name] = storage.objects[name][:2000]
    return name, "record 1 is damaged"


def announcement_of_another_name(storage):
    old = unfinished.announce(engine_of(storage), ["ee" * 32], run=b"r" * 16)
    new = "writing/" + "ab" * 16
    storage.objects[new] = storage.objects.pop(old)
    return new, "record 0 is damaged"


def announcement_malformed(storage):
    return boxed(storage, "writing/" + "ab" * 16, unfinished.KIND, b"x" * 33)


def prunes_word_malformed(storage):
    return boxed(storage, "pruning/" + "ab" * 16, alone.KIND, b"[]")


def boxed(storage, name, kind, content):
    """Sealed by a holder of the key, and wrong inside."""
    engine = engine_of(storage)
    sealed = boxes.seal(engine.ring, kind, name, parts=(content,), salt=engine.salt())
    storage.objects[name] = sealed
    words = {
        unfinished.KIND: "its list of packs is malformed",
        alone.KIND: "what it says of a prune is malformed",
    }
    return name, words[kind]


HARMS = [
    pack_missing, pack_missing_without_index, trailer_cut, trailer_overwritten, pack_renamed,
    pack_empty, pack_of_another_kind, key_file_cut, key_file_missing, key_file_renamed,
    config_missing, config_rolled_back, config_forged, snapshot_forged, snapshot_renamed,
    pending_passed_off_as_finished, snapshot_left_out, snapshot_rolled_back,
    index_object_of_another_name, coverage_cut, announcement_cut, announcement_of_another_name,
    announcement_malformed, prunes_word_malformed,
]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__.replace("_", " "))
def test_harm_is_named_by_object_and_in_words(storage, harm):
    name, problem = harm(storage)

    assert problem in errors_of(storage).get(name, set())


def test_an_index_that_is_gone_is_no_damage(storage):
    for name in names(storage, "index/"):
        storage.delete(name)

    assert errors_of(storage) == {}


def test_two_swapped_packs_are_both_named(storage):
    first, second = names(storage, "packs/")[:2]
    objects = storage.objects
    objects[first], objects[second] = objects[second], objects[first]

    found = errors_of(storage)

    assert "its bytes are not what its name says" in found[first] | found[second]
    assert {first, second} <= found.keys()


@pytest.mark.parametrize("both", [("config", "config-copy"), ("keys", "keys-copy")], ids="/".join)
def test_a_vault_whose_both_copies_are_damaged_does_not_open_and_says_why(storage, both):
    for prefix in both:
        for name in names(storage, prefix):
            storage.objects[name] = storage.objects[name][:50]

    with pytest.raises(Damaged, match="its checksum does not match"):
        Vault.open(storage, wrap=KEY)


def test_a_pack_that_was_cut_is_named_without_reading_data(storage):
    name, problem = trailer_cut(storage)

    errors = Vault.open(storage, wrap=KEY).verify(remember=False).errors

    assert (name, problem) in {(error["object"], error["problem"]) for error in errors}


def test_a_place_where_all_but_the_packs_is_gone_is_a_damaged_vault(storage):
    storage.objects = {name: data for name, data in storage.objects.items() if "packs/" in name}

    with pytest.raises(Damaged, match="config: both copies are missing"):
        Vault.open(storage, wrap=KEY)


def test_an_empty_place_is_no_vault():
    with pytest.raises(NotAVault):
        Vault.open(MemoryStorage(), wrap=KEY)
