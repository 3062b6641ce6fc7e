"""What repair mends, what it leaves as it is, and what it says is lost."""

from __future__ import annotations

import io
import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.items import EntryKind, StoredEntry
from webapp.vault import Damaged, Vault, catalogues
from webapp.vault.checks.harm import lost_ranges
from webapp.vault.storage.memory import MemoryStorage

DRAW = random.Random(11)
FILES = {
    b"tree/large": DRAW.randbytes(3_000_000),
    b"tree/medium": DRAW.randbytes(700_000),
    b"tree/small": b"small",
    b"tree/tiny": b"tiny",
}
MANY = {b"db/large": DRAW.randbytes(9_000_000)}


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    backup(vault, FILES)
    backup(vault, FILES | {b"tree/later": b"later"})
    return dict(storage.objects)


@pytest.fixture
def storage(sound, storage) -> MemoryStorage:
    storage.objects = dict(sound)
    return storage


def backup(vault: Vault, files: dict[bytes, bytes]):
    items = [(file(path), data) for path, data in files.items()]
    return vault.backup(MemorySource(folder(b"tree"), *items), name="site", report=Notes()).snapshot


def opened(storage: MemoryStorage) -> Vault:
    return Vault.open(storage, wrap=KEY)


def place_of(storage: MemoryStorage, path: bytes, number: int = 0):
    vault = opened(storage)
    entry = vault.find(vault.snapshots()[-1], path)
    refs = vault._engine.chunks.refs(entry.chunks)
    return vault._engine.stock.locate(refs[number][:32])


def flip(storage: MemoryStorage, name: str, at: int) -> None:
    data = bytearray(storage.objects[name])
    data[at] ^= 4
    storage.objects[name] = bytes(data)


def lose(storage: MemoryStorage, path: bytes, number: int = 0) -> str:
    """Damage the segment that holds one chunk of a file."""
    place = place_of(storage, path, number)
    flip(storage, place.pack.object_name, place.offset + place.length // 2)
    return place.pack.object_name


def only(storage: MemoryStorage, prefix: str, number: int = 0) -> str:
    return sorted(name for name in storage.objects if name.startswith(prefix))[number]


def from_files(files: dict[bytes, bytes]):
    def find(entry):
        if entry.path in files:
            yield io.BytesIO(files[entry.path])

    return find


def listed(storage: MemoryStorage) -> set[str]:
    """Packs in index objects."""
    ring = opened(storage)._engine.ring
    names = [name for name in storage.objects if name.startswith("index/")]
    return {info.object_name for name in names for info in catalogues.read(storage, ring, name)}


def check_clean(storage: MemoryStorage, *, snapshots: int = 2) -> None:
    vault = opened(storage)
    assert vault.verify(read_data=1.0).errors == []
    found = vault.snapshots()
    assert len(found) == snapshots
    assert {name for name in storage.objects if name.startswith("packs/")} <= listed(storage)
    assert contents(vault, found[-1]) == FILES


def test_a_sound_vault_is_left_alone(storage, sound):
    report = opened(storage).repair()

    assert report.ok
    assert report.actions == []
    assert storage.objects == sound


HARMS = {
    "config flipped": lambda s: flip(s, "config", 20),
    "config missing": lambda s: s.delete("config"),
    "config copy cut": lambda s: s.objects.update({"config-copy": s.objects["config-copy"][:50]}),
    "key slot flipped": lambda s: flip(s, only(s, "keys/"), 30),
    "key copy missing": lambda s: s.delete(only(s, "keys-copy/")),
    "index flipped": lambda s: flip(s, only(s, "index/"), 200),
    "all index objects cut": lambda s: s.objects.update(
        {name: data[:100] for name, data in s.objects.items() if name.startswith("index/")}
    ),
    "index gone": lambda s: [s.delete(name) for name in list(s.objects) if "index/" in name],
    "pack's prelude": lambda s: flip(s, only(s, "packs/"), 50),
    "every pack's prelude": lambda s: [
        flip(s, name, 50) for name in list(s.objects) if name.startswith("packs/")
    ],
    "pack's trailer": lambda s: flip(s, only(s, "packs/"), -1),
    "every pack's trailer": lambda s: [
        flip(s, name, -60) for name in list(s.objects) if name.startswith("packs/")
    ],
    "trailer cut": lambda s: s.objects.update(
        {only(s, "packs/"): s.objects[only(s, "packs/")][:-100]}
    ),
    "bytes behind a pack": lambda s: s.objects.update(
        {only(s, "packs/"): s.objects[only(s, "packs/")] + b"x"}
    ),
    "pack renamed": lambda s: s.objects.update(
        {"packs/" + "ab" * 32: s.objects.pop(only(s, "packs/"))}
    ),
    "two packs swapped": lambda s: s.objects.update(
        {
            only(s, "packs/", 0): s.objects[only(s, "packs/", 1)],
            only(s, "packs/", 1): s.objects[only(s, "packs/", 0)],
        }
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_loses_nothing_is_mended_whole(storage, harm):
    HARMS[harm](storage)
    assert harm == "index gone" or opened(storage).verify(read_data=1.0, remember=False).errors

    report = opened(storage).repair()

    assert report.lost == []
    assert report.left == []
    check_clean(storage)


@pytest.mark.parametrize("harm", HARMS)
def test_a_dry_run_says_what_it_would_do_and_writes_nothing(storage, harm):
    HARMS[harm](storage)
    before = dict(storage.objects)

    report = opened(storage).repair(is_dry=True)

    assert harm == "index gone" or report.actions
    assert report.lost == []
    assert storage.objects == before


def test_a_lost_trailer_without_any_index_is_made_again_from_the_segments(storage):
    for name in list(storage.objects):
        if name.startswith("index/"):
            storage.delete(name)
        elif name.startswith("packs/"):
            flip(storage, name, -1)

    report = opened(storage).repair()

    assert report.ok
    check_clean(storage)


def test_what_is_lost_is_told_by_snapshot_path_and_bytes(storage):
    lose(storage, b"tree/large", 1)
    vault = opened(storage)
    entry = vault.find(vault.snapshots()[-1], b"tree/large")
    lengths = [int.from_bytes(ref[32:], "little") for ref in entry.chunks]

    report = vault.repair()

    assert {one["path"] for one in report.lost} == {"tree/large"}
    assert {one["snapshot"] for one in report.lost} == {one.id for one in vault.snapshots()}
    assert {one["source"] for one in report.lost} == {"site"}
    ranges = [one["ranges"] for one in report.lost]
    assert ranges == [[[lengths[0], lengths[0] + lengths[1]]]] * 2
    assert report.lost_count == 2
    assert not report.ok


def test_lost_bytes_are_counted_in_the_file_with_its_holes():
    refs = tuple(bytes([number]) * 32 + (10).to_bytes(4, "little") for number in range(3))
    entry = StoredEntry(
        path=b"tree/a",
        kind=EntryKind.FILE,
        mode=0o644,
        size=135,
        holes=((5, 100), (115, 5)),
        chunks=refs,
    )

    found = lost_ranges(entry, {refs[0][:32]: "x", refs[2][:32]: "y"}, lambda refs: refs)

    # Data lies at 0-5, 105-115 and 120-135; the first chunk goes on behind the first hole.
    assert found == [(0, 5, "x"), (105, 110, "x"), (125, 135, "y")]


def test_a_pack_of_which_nothing_is_left_is_heard_of_no_more_once_its_chunks_are_back(storage):
    for name in [name for name in storage.objects if name.startswith("index/")]:
        storage.delete(name)
    name = place_of(storage, b"tree/large").pack.object_name
    storage.objects[name] = bytes(len(storage.objects[name]))

    report = opened(storage).repair(find=from_files(FILES | {b"tree/later": b"later"}))

    assert report.left == []
    assert opened(storage).verify(read_data=1.0).errors == []


def test_what_shared_a_pack_with_lost_bytes_is_kept_elsewhere(storage):
    name = lose(storage, b"tree/large", 1)

    opened(storage).repair()
    del storage.objects[name]  # as a prune would in time

    vault = opened(storage)
    found = {
        entry.path: vault.open_content(entry).read()
        for entry in vault.entries(vault.snapshots()[-1])
        if entry.path in (b"tree/small", b"tree/medium")
    }
    assert found == {path: FILES[path] for path in found}
    assert len(found) == 2


def test_the_damaged_pack_itself_stays_as_it_was(storage):
    name = lose(storage, b"tree/large", 1)
    before = storage.objects[name]

    opened(storage).repair()

    assert storage.objects[name] == before


def test_repairing_twice_does_nothing_more(storage):
    lose(storage, b"tree/large", 1)
    first = opened(storage).repair()
    before = dict(storage.objects)

    second = opened(storage).repair()

    assert storage.objects == before
    assert second.lost == first.lost


def test_a_snapshot_that_needs_what_is_lost_is_not_changed(storage):
    lose(storage, b"tree/large", 1)
    roots = {name: data for name, data in storage.objects.items() if "snapshots/" in name}

    opened(storage).repair()

    assert {name: storage.objects[name] for name in roots} == roots
    vault = opened(storage)
    with pytest.raises(Damaged):
        vault.open_content(vault.find(vault.snapshots()[-1], b"tree/large")).read()


@pytest.mark.parametrize("moved", [0, 100_000], ids=["in its place", "moved within the file"])
def test_a_lost_chunk_is_stored_again_from_the_file_that_still_has_it(storage, moved):
    lose(storage, b"tree/large", 1)
    files = {b"tree/large": DRAW.randbytes(moved) + FILES[b"tree/large"]}

    report = opened(storage).repair(find=from_files(files))

    assert report.restored_chunks == 1
    assert report.lost == []
    check_clean(storage)


def test_a_file_that_changed_gives_nothing_wrong(storage):
    lose(storage, b"tree/large", 1)
    other = {b"tree/large": DRAW.randbytes(3_000_000)}

    report = opened(storage).repair(find=from_files(other))

    assert report.restored_chunks == 0
    assert report.lost_count == 2


def test_a_lost_pack_comes_back_from_the_files(storage):
    storage.delete(place_of(storage, b"tree/large").pack.object_name)

    report = opened(storage).repair(find=from_files(FILES))

    assert report.restored_chunks
    assert report.lost == []
    check_clean(storage)


def test_a_dry_run_says_how_much_the_files_would_bring_back(storage):
    lose(storage, b"tree/large", 1)
    before = dict(storage.objects)

    report = opened(storage).repair(is_dry=True, find=from_files(FILES))

    assert report.restored_chunks == 1
    assert report.lost == []
    assert storage.objects == before


def test_a_lost_piece_of_a_manifest_is_named_by_the_paths_it_held(storage):
    vault = opened(storage)
    part = vault._engine.roots.parts("snapshots/" + vault.snapshots()[-1].id)[0]
    place = vault._engine.stock.locate(part.ref[:32])
    flip(storage, place.pack.object_name, place.offset + place.length // 2)

    report = opened(storage).repair()

    assert [one["path"] for one in report.lost] == ["everything from tree on"]


def test_the_next_backup_heals_a_lost_piece_of_a_manifest_and_the_older_snapshot_with_it(storage):
    vault = opened(storage)
    first = vault.snapshots()[-1]
    part = vault._engine.roots.parts("snapshots/" + first.id)[0]
    place = vault._engine.stock.locate(part.ref[:32])
    flip(storage, place.pack.object_name, place.offset + place.length // 2)
    opened(storage).repair()

    backup(opened(storage), FILES)

    assert opened(storage).verify(read_data=1.0).errors == []
    assert contents(opened(storage), first) == FILES


def test_a_wrong_index_is_made_right_by_the_trailers(storage):
    engine = opened(storage)._engine
    name = only(storage, "index/")
    infos = catalogues.read(storage, engine.ring, name)
    assert len(infos) > 1
    liar = infos[0].__class__(**{**vars(infos[0]), "catalogue": infos[-1].catalogue})
    storage.delete(name)
    catalogues.write(storage, engine.ring, [liar, *infos[1:]], identity=b"i" * 16, salt=b"s" * 32)

    report = opened(storage).repair()

    assert report.left == []
    check_clean(storage)


def test_a_damaged_root_is_told_and_left(storage):
    name = only(storage, "snapshots/")
    flip(storage, name, 300)
    before = storage.objects[name]

    report = opened(storage).repair()

    assert [error["object"] for error in report.left] == [name]
    assert not report.ok
    assert storage.objects[name] == before


def test_a_vault_damaged_all_over_is_suspected_and_not_touched(storage):
    for number in range(20):
        backup(opened(storage), {b"tree/%d" % number: DRAW.randbytes(1000)})
    for name in [name for name in storage.objects if name.startswith("packs/")]:
        flip(storage, name, 300)
    before = dict(storage.objects)

    report = opened(storage).repair()

    assert "check this machine's memory" in " ".join(report.notes)
    assert storage.objects == before
