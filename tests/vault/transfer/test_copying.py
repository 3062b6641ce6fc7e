"""Copy: snapshots into a second vault with another key."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.faults import Crashed, Fault, FaultyStorage, Kind
from tests.vault.conftest import KEY
from tests.vault.sources import LONG_AGO, MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.items import Entry, EntryKind
from webapp.vault import (
    ConsoleKey,
    Damaged,
    ObjectMissing,
    SnapshotMissing,
    StorageFull,
    Vault,
    boxes,
)
from webapp.vault.hooks import Hooks
from webapp.vault.reader import ChunkReader
from webapp.vault.retention.rules import Policy
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.transfer import comparison, copied_rows, translation

OTHER = ConsoleKey("other", b"o" * 32)
BIG = random.Random(1).randbytes(3_000_000)
LINES = b"".join(b"%06d a line of a dump\n" % number for number in range(20_000))


@pytest.fixture
def there() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def second(there) -> Vault:
    return Vault.create(there, wrap=OTHER)


def back_up(vault, *items, name="site", **details):
    return vault.backup(MemorySource(*items), name=name, report=Notes(), **details).snapshot


def everything():
    """Entries of every kind, with all that an entry can say."""
    link = Entry(path=b"tree/link", kind=EntryKind.SYMLINK, mode=0o777, link_target=b"\xff/x")
    device = Entry(path=b"tree/null", kind=EntryKind.CHARACTER, mode=0o666, device=259)
    return [
        (file(b"config/site.conf", xattrs=((b"user.a", b"\x00b"),)), b"x = 1"),
        (file(b"db/shop", user="anna", group="staff", uid=7, gid=8), LINES),
        folder(b"tree"),
        (file(b"tree/big"), BIG),
        (file(b"tree/empty"), b""),
        (file(b"tree/hard", hardlink=b"tree/big"), BIG),
        link,
        device,
        (file(b"tree/n\xff\n"), b"odd"),
    ]


def many(count, **changed):
    return [
        (file(b"tree/%05d" % n, inode=n, mtime_ns=LONG_AGO + (f"n{n}" in changed)),
         changed.get(f"n{n}", b"%d" % n))
        for n in range(count)
    ]  # fmt: skip


def entries(vault, snapshot):
    return [replace(entry, chunks=()) for entry in vault.entries(snapshot)]


def test_a_copy_is_equal_to_what_was_copied_under_other_names(vault, second, storage, there):
    original = back_up(vault, *everything(), reason="weekly", metadata={"tags": ["a"]})

    result = vault.copy_to(second, verify=True)

    ((source, copy),) = result.copied
    assert source.id == original.id
    assert entries(second, copy) == entries(vault, original)
    assert contents(second, copy) == contents(vault, original)
    for field in ("name", "created_ns", "created_at", "reason", "metadata", "counts", "chunkers"):
        assert getattr(copy, field) == getattr(original, field)
    assert copy.id != original.id
    assert copy.origin == {"vault": vault.vault_id, "snapshot": original.id}
    assert second.snapshots()[0] == second.snapshot(copy.id) == copy
    assert second.verify(read_data=1.0).ok
    assert not any(name.startswith("pending/") for name in there.objects)
    ids = [{chunk for entry in one.entries(snap) for chunk in entry.chunks}
           for one, snap in ((vault, original), (second, copy))]  # fmt: skip
    assert ids[0] & ids[1] == {b"list"} & ids[0]
    assert storage.objects.keys() & there.objects.keys() == {"config", "config-copy"}


def test_what_was_copied_is_not_copied_again(vault, second, there):
    for number in range(3):
        back_up(vault, *many(10, n1=b"%d" % number))
    first = vault.copy_to(second)
    before = dict(there.objects)

    again = vault.copy_to(second)

    assert [source.id for source, _ in first.copied] == [
        one.id for one in reversed(vault.snapshots())
    ]
    assert (again.copied, again.present) == ([], 3)
    assert there.objects == before


def test_the_order_and_the_chain_are_the_targets_own(vault, second):
    back_up(second, *many(2), name="own")
    for number in range(2):
        back_up(vault, *many(10, n1=b"%d" % number))

    copies = [copy for _, copy in vault.copy_to(second).copied]

    assert [copy.sequence for copy in copies] == [2, 3]
    assert (copies[0].predecessor, copies[1].predecessor) == ("", copies[0].id)
    assert second.verify().ok


def test_only_chosen_snapshots_are_copied_and_one_that_is_missing_is_refused(vault, second):
    ids = [back_up(vault, *many(3, n1=b"%d" % number)).id for number in range(3)]

    result = vault.copy_to(second, snapshots=[ids[1]])

    assert [source.id for source, _ in result.copied] == [ids[1]]
    with pytest.raises(SnapshotMissing):
        vault.copy_to(second, snapshots=["0" * 32])


def test_what_is_copied_late_still_comes_before_what_was_made_later(vault, second):
    ids = [back_up(vault, *many(3, n1=b"%d" % number)).id for number in range(4)]

    for chosen in (ids[3], ids[1], ids[2], ids[0]):
        vault.copy_to(second, snapshots=[chosen])
    own = back_up(second, *many(3, n1=b"own"))

    order = [one.origin.get("snapshot") for one in second.snapshots()]
    assert order == [None, *reversed(ids)]
    assert own.predecessor == second.snapshots()[1].id
    assert second.verify().ok


def test_what_the_target_has_forgotten_is_copied_again_only_by_name(vault, second):
    ids = [back_up(vault, *many(3, n1=b"%d" % number)).id for number in range(2)]
    vault.copy_to(second)
    second.forget(Policy(last=1))

    everything = vault.copy_to(second)
    named = vault.copy_to(second, snapshots=[ids[0]])

    assert (everything.copied, everything.present) == ([], 2)
    assert [source.id for source, _ in named.copied] == [ids[0]]


def test_the_next_snapshot_carries_over_only_what_is_new(vault, second, storage, monkeypatch):
    back_up(vault, *many(6000))
    vault.copy_to(second)
    new = back_up(vault, *many(6000, n3000=b"other"))
    again = Vault.open(storage, wrap=KEY)
    parts = again._engine.roots.parts(f"snapshots/{new.id}")
    fetched, read, manifest = [], [], ChunkReader.manifest

    def reading(chunks, ref):
        read.extend([ref] if chunks._ring.vault_id.hex() == vault.vault_id else [])
        return manifest(chunks, ref)

    monkeypatch.setattr(ChunkReader, "manifest", reading)
    carried = translation.Translator._keep
    monkeypatch.setattr(
        translation.Translator, "_keep", lambda *args: fetched.append(args[1]) or carried(*args)
    )

    ((_, copy),) = again.copy_to(second).copied

    assert len(fetched) == 1
    assert len(parts) > 1
    assert len(read) == 1
    assert entries(second, copy) == entries(vault, new)
    assert contents(second, copy)[b"tree/03000"] == b"other"
    assert copy.parent != ""


def test_a_file_whose_content_moved_below_another_path_is_not_stored_twice(vault, second):
    back_up(vault, (file(b"tree/a"), BIG))
    vault.copy_to(second)
    back_up(vault, (file(b"tree/b"), BIG))

    result = vault.copy_to(second)

    assert result.stored_bytes < 200_000
    assert contents(second, result.copied[0][1]) == {b"tree/b": BIG}


def test_a_copy_serves_as_parent_of_the_next_backup_into_the_second_vault(vault, second):
    back_up(vault, *many(5))
    vault.copy_to(second)
    source = MemorySource(*many(5))

    second.backup(source, name="site", report=Notes())

    assert source.opened == []


def test_lists_of_references_are_written_anew(vault, second, monkeypatch):
    for place in ("webapp.vault.capturing", "webapp.vault.transfer.copied_rows"):
        monkeypatch.setattr(f"{place}.MOST_REFS", 8)
    data = random.Random(2).randbytes(600_000)
    original = back_up(vault, (file(b"db/shop"), data))

    ((_, copy),) = vault.copy_to(second, verify=True).copied
    back_up(vault, (file(b"db/shop"), data), (file(b"tree/a"), b"x"))
    ((_, later),) = vault.copy_to(second).copied

    assert vault.find(original, b"db/shop").chunks[0] == b"list"
    assert second.find(copy, b"db/shop").chunks[0] == b"list"
    assert contents(second, copy) == {b"db/shop": data}
    assert contents(second, later) == {b"db/shop": data, b"tree/a": b"x"}
    assert second.verify(read_data=1.0).ok


def test_windows_and_a_forgotten_map_change_nothing(vault, second, monkeypatch):
    monkeypatch.setattr(copied_rows, "_WINDOW_REFS", 3)
    monkeypatch.setattr(translation, "_MOST_KNOWN", 4)
    monkeypatch.setattr(translation, "_STRETCH_BYTES", 1)
    original = back_up(vault, *everything(), *many(20))

    ((_, copy),) = vault.copy_to(second).copied

    assert contents(second, copy) == contents(vault, original)
    assert second.verify(read_data=1.0).ok


def test_each_segment_of_the_source_is_fetched_once(vault, second, storage):
    rnd = random.Random(3)
    items = [(file(b"tree/%04d" % n), rnd.randbytes(20_000)) for n in range(300)]
    rnd.shuffle(items)
    back_up(vault, *items)
    faulty = FaultyStorage(storage)

    Vault.open(faulty, wrap=KEY).copy_to(second)

    gets = [name for call, name in faulty.calls if call == "get" and name.startswith("packs/")]
    assert len(gets) <= 2 + 3  # a trailer or two, the manifest, and the pack's two stretches


def test_a_snapshot_is_never_copied_back_to_where_it_came_from(vault, second):
    back_up(vault, *many(3))
    vault.copy_to(second)
    third = Vault.create(MemoryStorage(), wrap=KEY)
    ((_, copy),) = second.copy_to(third).copied

    assert second.copy_to(vault).copied == []
    assert third.copy_to(vault).present == 1
    assert copy.origin["vault"] == vault.vault_id


def test_a_lost_vault_is_made_again_from_its_copy(vault, second):
    original = back_up(vault, *everything())
    vault.copy_to(second)
    fresh = Vault.create(MemoryStorage(), wrap=KEY)

    ((_, copy),) = second.copy_to(fresh).copied

    assert entries(fresh, copy) == entries(vault, original)
    assert contents(fresh, copy) == contents(vault, original)


def test_one_damaged_snapshot_does_not_stop_the_others(storage, second):
    vault = Vault.create(storage, wrap=KEY)
    bad = back_up(vault, (file(b"tree/a"), BIG), name="bad")
    (pack,) = [name for name in storage.objects if name.startswith("packs/")
               and storage.objects[name][4:5] == b"D"]  # fmt: skip
    back_up(vault, (file(b"tree/b"), b"good"), name="good")
    data = bytearray(storage.objects[pack])
    data[len(data) // 2] ^= 1
    storage.objects[pack] = bytes(data)

    result = Vault.open(storage, wrap=KEY).copy_to(second)

    assert [(one, error.object_name) for one, error in result.failed] == [(bad.id, pack)]
    assert [copy.name for _, copy in result.copied] == ["good"]
    assert [one.name for one in second.snapshots()] == ["good"]


def test_a_root_that_cannot_be_read_is_named(storage, second):
    vault = Vault.create(storage, wrap=KEY)
    bad = back_up(vault, *many(3))
    storage.objects[f"snapshots/{bad.id}"] = b"?"

    result = Vault.open(storage, wrap=KEY).copy_to(second)

    assert [one for one, _ in result.failed] == [bad.id]


def test_a_full_target_stops_the_copy_and_shows_nothing(vault, second, there):
    back_up(vault, *many(3))
    full = FaultyStorage(there)
    full.on("put", "packs/", Fault(Kind.BEFORE, StorageFull))

    with pytest.raises(StorageFull):
        vault.copy_to(Vault.open(full, wrap=OTHER))

    assert second.snapshots() == []


def test_a_copy_that_died_anywhere_is_completed_by_the_next(storage):
    vault = Vault.create(storage, wrap=KEY)
    for number in range(2):
        back_up(vault, *everything(), *many(5, n1=b"%d" % number))
    wanted = [contents(vault, one) for one in vault.snapshots()]
    stop_at, done = 1, False
    while not done:
        there = MemoryStorage()
        Vault.create(there, wrap=OTHER)
        faulty = FaultyStorage(there, stop_at=None)
        target = Vault.open(faulty, wrap=OTHER)
        faulty.stop_at = len(faulty.calls) + stop_at
        try:
            vault.copy_to(target)
            done = True
        except Crashed:
            stop_at += 3

        second = Vault.open(there, wrap=OTHER)
        vault.copy_to(second)

        assert [contents(second, one) for one in second.snapshots()] == wanted
        assert second.verify(read_data=1.0).ok
    assert stop_at > 15


def test_chunks_of_the_target_that_are_condemned_are_stored_again(vault, second, there):
    back_up(vault, *many(50))
    vault.copy_to(second)
    ring = second._engine.ring
    packs = [name[6:] for name in there.objects if name.startswith("packs/")]
    name = "condemned/" + "ab" * 16
    body = b"".join(map(bytes.fromhex, packs))
    there.objects[name] = boxes.seal(ring, b"C", name, parts=(body,), salt=bytes(32))
    new = back_up(vault, *many(50, n1=b"new"))

    target = Vault.open(there, wrap=OTHER)
    ((_, copy),) = vault.copy_to(target).copied

    for pack in packs:
        del there.objects["packs/" + pack]
    del there.objects[name]
    again = Vault.open(there, wrap=OTHER)
    assert contents(again, copy) == contents(vault, new)


def test_a_copy_that_reads_back_otherwise_is_not_published(vault, second, monkeypatch):
    back_up(vault, (file(b"tree/a"), b"content"))

    class Liar(comparison.Content):
        def open(self, entry):
            entry.digest = b"another digest, of 32 bytes here"
            return super().open(entry)

    monkeypatch.setattr(comparison, "Content", Liar)

    result = vault.copy_to(second, verify=True)

    assert [type(error) for _, error in result.failed] == [Damaged]
    assert second.snapshots() == []


def test_a_copy_that_leads_to_no_chunk_is_not_published(vault, second, monkeypatch):
    back_up(vault, (file(b"tree/a"), b"content"))
    monkeypatch.setattr(translation.Translator, "translate", lambda self, ref: bytes(32) + ref[32:])

    result = vault.copy_to(second)

    assert ["is in no pack" in str(error) for _, error in result.failed] == [True]
    assert second.snapshots() == []


class CondemningStorage(MemoryStorage):
    """Says after the first snapshot that all packs will be deleted."""

    ring = None

    def put(self, name, data):
        super().put(name, data)
        if name.startswith("snapshots/") and self.ring:
            ring, self.ring = self.ring, None
            packs = [name[6:] for name in self.objects if name.startswith("packs/")]
            name, body = "condemned/" + "cd" * 16, b"".join(map(bytes.fromhex, packs))
            super().put(name, boxes.seal(ring, b"C", name, parts=(body,), salt=bytes(32)))
            self.doomed = [name, *("packs/" + pack for pack in packs)]


def test_what_was_condemned_between_two_copied_snapshots_is_carried_over_again(vault):
    back_up(vault, (file(b"tree/a"), BIG))
    new = back_up(vault, (file(b"tree/b"), BIG))
    there = CondemningStorage()
    target = Vault.create(there, wrap=OTHER)
    there.ring = target._engine.ring

    copy = vault.copy_to(target).copied[1][1]

    for name in there.doomed:
        del there.objects[name]
    assert contents(Vault.open(there, wrap=OTHER), copy) == contents(vault, new)


def test_a_pack_of_the_source_that_a_prune_moved_is_looked_for_again(storage, second):
    vault = Vault.create(storage, wrap=KEY)
    original = back_up(vault, (file(b"tree/a"), BIG))
    (pack,) = [name for name in storage.objects if name.startswith("packs/")
               and storage.objects[name][4:5] == b"D"]  # fmt: skip
    moving = FaultyStorage(storage)
    moving.on("get", pack, Fault(Kind.BEFORE, ObjectMissing))

    ((_, copy),) = Vault.open(moving, wrap=KEY).copy_to(second).copied

    assert contents(second, copy) == contents(vault, original)


def test_a_manifest_that_reads_back_otherwise_is_not_published(vault, second, monkeypatch):
    back_up(vault, (file(b"tree/a"), b"content"), (file(b"tree/b"), b"more"))
    rows_of = comparison.Manifest.rows
    monkeypatch.setattr(comparison.Manifest, "rows", lambda self: list(rows_of(self))[:1])

    result = vault.copy_to(second)

    assert ["what was written" in str(error) for _, error in result.failed] == [True]
    assert second.snapshots() == []


def test_progress_goes_forward_to_the_last_snapshot(vault, second):
    for number in range(3):
        back_up(vault, *many(1200, n1=b"%d" % number))
    steps = []

    vault.copy_to(second, on_progress=lambda *step: steps.append(step))

    assert steps == sorted(steps, key=lambda step: step[0])
    assert steps[-1][1:] == (3000, "snapshot 3 of 3")


def test_the_originals_time_is_kept_whatever_the_clocks_say(storage, there):
    vault = Vault.create(storage, wrap=KEY)
    original = back_up(vault, *many(2))
    late = MemoryStorage(lambda: 10**18)
    second = Vault.create(late, wrap=OTHER, hooks=Hooks(time_ns=lambda: 10**18))

    ((_, copy),) = vault.copy_to(second).copied

    assert copy.created_ns == original.created_ns
