"""Invariant 4: every read is authenticated; one flipped bit anywhere is an error that names the
object, never wrong data."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.vault.conftest import KEY
from tests.vault.harm import flipped as with_another_end
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Damaged, Vault, VaultError, WrongKey, boxes, unfinished
from webapp.vault.pruning import alone
from webapp.vault.retention.ledger import Entry, What
from webapp.vault.sealing import HEAD_BYTES, MARK_BYTES, PRELUDE_BYTES
from webapp.vault.snapshots import seal_root
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.transfer.key_changes import changing

DRAW = random.Random(5)
FILES = {
    b"tree/a": b"text " * 5000,
    b"tree/b": DRAW.randbytes(700_000),
    b"tree/c": b"small",
    b"tree/d": DRAW.randbytes(90_000),
}


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    """The objects of a vault with two snapshots."""
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    items = [(file(path), data) for path, data in FILES.items()]
    vault.backup(MemorySource(folder(b"tree"), *items[:3]), name="site", report=Notes())
    vault.backup(MemorySource(folder(b"tree"), *items), name="site", report=Notes())
    vault.verify(read_data=1.0)  # makes an object below checked/
    add_rare_objects(vault, storage)
    return dict(storage.objects)


def add_rare_objects(vault: Vault, storage: MemoryStorage) -> None:
    """What is there while somebody is at work, or was killed."""
    engine, newest = vault._engine, vault.snapshots()[0]
    name = "snapshots/" + newest.id
    root = replace(newest, id="ab" * 16)
    sealed = seal_root(
        engine.ring, root, engine.roots.parts(name), folder="pending/", salt=engine.salt()
    )
    storage.put("pending/" + root.id, sealed)
    mark = "condemned/" + "cd" * 16
    storage.put(mark, boxes.seal(engine.ring, b"C", mark, parts=(b"x" * 32,), salt=engine.salt()))
    mark = "revoked/" + "cd" * 16
    storage.put(mark, boxes.seal(engine.ring, b"R", mark, parts=(b"",), salt=engine.salt()))
    unfinished.announce(engine, ["ee" * 32], run=b"r" * 16)
    mark = alone.FOLDER + "cd" * 16
    who = b'{"at_ns": 1}'
    storage.put(mark, boxes.seal(engine.ring, alone.KIND, mark, parts=(who,), salt=engine.salt()))
    said = [Entry(what=What.TAG, snapshot=newest.id, text="monthly")]
    engine.roots.ledger.add(said, new_id=engine.new_id, salt=engine.salt)
    said = [Entry(what=What.FORGET, snapshot="00" * 16)]
    engine.roots.ledger.add(said, new_id=engine.new_id, salt=engine.salt)
    with changing(engine, "add", adds="ef" * 16):
        markers = {key: data for key, data in storage.objects.items() if "key-changes/" in key}
    storage.objects |= markers


def places(name: str, data: bytes) -> list[int]:
    """The ends of each region, and some bytes within."""
    marks = [0, 3, 4, 5, 8, 39, 40, PRELUDE_BYTES - 1, PRELUDE_BYTES]
    marks += [
        PRELUDE_BYTES + MARK_BYTES,
        PRELUDE_BYTES + HEAD_BYTES,
        PRELUDE_BYTES + HEAD_BYTES + 20,
    ]
    marks += [len(data) // 2, len(data) - HEAD_BYTES - 1, len(data) - HEAD_BYTES, len(data) - 17]
    marks += [len(data) - 1, *random.Random(name).sample(range(len(data)), 6)]
    return sorted({at for at in marks if 0 <= at < len(data)})


def kinds(objects: dict[str, bytes]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in objects:
        found.setdefault(name.partition("/")[0], []).append(name)
    return found


def flipped(sound: dict[str, bytes], name: str, at: int) -> MemoryStorage:
    storage = MemoryStorage()
    storage.objects = dict(sound)
    data = bytearray(sound[name])
    data[at] ^= 1 << DRAW.randrange(8)
    storage.objects[name] = bytes(data)
    return storage


def outcome(storage: MemoryStorage) -> tuple[set[str], list[dict[bytes, bytes]]]:
    """Objects that verify names, and every snapshot that can be read to its end."""
    errors = Vault.open(storage, wrap=KEY).verify(read_data=1.0, remember=False).errors
    return {str(error["object"]) for error in errors}, list(readable(storage).values())


def readable(storage: MemoryStorage) -> dict[str, dict[bytes, bytes]]:
    """What can be read to its end, by snapshot."""
    vault, read = Vault.open(storage, wrap=KEY), {}
    for snapshot in vault.snapshots():
        with suppress(Damaged):
            read[snapshot.id] = contents(vault, snapshot)
    return read


KINDS = [
    "config", "config-copy", "keys", "keys-copy", "key-changes", "packs", "index", "snapshots",
    "pending", "condemned", "checked", "forgotten", "labels", "revoked", "writing", "pruning",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_invariant_4_one_flipped_bit_anywhere_is_named_and_never_wrong_data(sound, kind):
    wrong = []
    truths = [FILES, {path: FILES[path] for path in list(FILES)[:3]}]
    for name in kinds(sound)[kind]:
        for at in places(name, sound[name]):
            storage = flipped(sound, name, at)
            named, read = outcome(storage)
            if named != {name} or any(one not in truths for one in read):
                wrong.append((name, at, named))

    assert wrong == []


@pytest.mark.parametrize("kind", ["packs", "snapshots", "index", "checked", "condemned", "config"])
def test_named_as_hurt_are_exactly_the_snapshots_that_cannot_be_read(sound, kind):
    wrong = []
    every = set(readable(flipped(sound, "config", 3)))
    for name in kinds(sound)[kind]:
        for at in places(name, sound[name])[::2]:
            storage = flipped(sound, name, at)
            errors = Vault.open(storage, wrap=KEY).verify(read_data=1.0, remember=False).errors
            hurt = {one for error in errors for one in error["snapshots"]} - {"ab" * 16}
            if hurt != every - set(readable(storage)):
                wrong.append((name, at, errors))

    assert wrong == []


def test_the_sample_has_every_kind_of_object(sound):
    assert set(kinds(sound)) == set(KINDS)


def test_a_flipped_bit_in_a_list_of_condemned_packs_stops_writers_and_no_reader(sound):
    name = kinds(sound)["condemned"][0]
    storage = flipped(sound, name, 100)
    source = MemorySource((file(b"tree"), b"new"))

    assert FILES in readable(storage).values()
    with pytest.raises(Damaged, match=name):
        Vault.open(storage, wrap=KEY).backup(source, name="site", report=Notes())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", ["empty", "one byte", "larger", "much larger"])
def test_an_object_of_another_size_is_named(sound, kind, harm):
    name = kinds(sound)[kind][0]
    data = sound[name]
    storage = MemoryStorage()
    storage.objects = dict(sound)
    storage.objects[name] = {
        "empty": b"",
        "one byte": data[:1],
        "larger": data + b"\0" * 4096,
        "much larger": data + b"\xff" * 3_000_000,
    }[harm]

    assert outcome(storage)[0] == {name}


@pytest.mark.parametrize("cut", [0, 1, 71, 72, 100, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_cut_short_is_named(sound, kind, cut):
    storage = MemoryStorage()
    storage.objects = dict(sound)
    name = kinds(sound)[kind][0]
    storage.objects[name] = sound[name][:cut]

    named, _ = outcome(storage)

    assert name in named


@pytest.mark.parametrize("kind", ["packs", "index", "snapshots"])
def test_two_objects_that_changed_places_are_both_named(sound, kind):
    first, second = kinds(sound)[kind][:2]
    storage = MemoryStorage()
    storage.objects = {**sound, first: sound[second], second: sound[first]}

    named, _ = outcome(storage)

    assert {first, second} <= named


def test_of_two_packs_that_changed_places_the_hurt_snapshots_are_named(sound):
    every = set(readable(flipped(sound, "config", 3)))
    data = [name for name in kinds(sound)["packs"] if sound[name][4:5] == b"D"]
    storage = MemoryStorage()
    storage.objects = {**sound, data[0]: sound[data[1]], data[1]: sound[data[0]]}

    errors = Vault.open(storage, wrap=KEY).verify(read_data=1.0, remember=False).errors

    hurt = {one for error in errors for one in error["snapshots"]} - {"ab" * 16}
    assert hurt == every - set(readable(storage)) != set()


def test_bytes_behind_the_end_are_named(sound):
    for kind in ("index", "snapshots", "packs"):
        storage = MemoryStorage()
        name = kinds(sound)[kind][0]
        storage.objects = {**sound, name: sound[name] + b"\0"}

        assert name in outcome(storage)[0]


def test_a_missing_pack_is_named_with_the_snapshots_it_hurts(sound):
    storage = MemoryStorage()
    storage.objects = dict(sound)
    vault = Vault.open(storage, wrap=KEY)
    entry = vault.find(vault.snapshots()[0], b"tree/d")
    place = vault._engine.stock.locate(entry.chunks[0][:32])
    storage.delete(place.pack.object_name)

    errors = Vault.open(storage, wrap=KEY).verify().errors

    (error,) = errors
    assert set(error["snapshots"]) == {vault.snapshots()[0].id, "ab" * 16}  # a pending one, too


@pytest.mark.parametrize("harm", ["trailer flipped", "pack cut"])
def test_a_lost_trailer_is_named_and_loses_nothing(sound, harm):
    storage = MemoryStorage()
    storage.objects = {name: data for name, data in sound.items() if "index/" not in name}
    packs = kinds(sound)["packs"]
    for name in packs:
        cut = sound[name][:-1] if harm == "pack cut" else with_another_end(sound[name])
        storage.objects[name] = cut

    named, read = outcome(storage)

    assert named == set(packs)
    assert FILES in read


def test_a_damaged_segment_of_a_pack_without_trailer_hurts_only_itself(sound):
    storage = MemoryStorage()
    storage.objects = {name: data for name, data in sound.items() if "index/" not in name}
    vault = Vault.open(storage, wrap=KEY)
    snapshot = vault.snapshots()[0]
    place = vault._engine.stock.locate(vault.find(snapshot, b"tree/a").chunks[0][:32])
    data = bytearray(storage.objects[place.pack.object_name])
    data[place.offset + place.length - 1] ^= 1
    data[-1] ^= 1
    storage.objects[place.pack.object_name] = bytes(data)

    again = Vault.open(storage, wrap=KEY)

    assert again.open_content(again.find(snapshot, b"tree/b")).read() == FILES[b"tree/b"]
    with pytest.raises(Damaged):
        again.open_content(again.find(snapshot, b"tree/a")).read()


def test_another_vaults_objects_do_not_pass(sound):
    other = MemoryStorage()
    stranger = Vault.create(other, wrap=KEY)
    source = MemorySource(folder(b"tree"), (file(b"tree/x"), b"evil"))
    forged = stranger.backup(source, name="site", report=Notes()).snapshot
    storage = MemoryStorage()
    storage.objects = other.objects | sound

    vault = Vault.open(storage, wrap=KEY)

    assert forged.id not in [one.id for one in vault.snapshots()]
    with pytest.raises(Damaged):
        vault.snapshot(forged.id)
    with pytest.raises(VaultError):
        Vault.open(other, wrap=type(KEY)("test", b"x" * 32))
    assert not issubclass(WrongKey, Damaged)
