"""Before each delete ``config`` is read again, so that a release never collects what a later one
relies on: whatever deletes, and whatever for."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import (
    ConsoleKey,
    NewerFormat,
    SnapshotRevoked,
    Vault,
    boxes,
    config,
    documents,
    unfinished,
)
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.transfer import slots

OTHER = ConsoleKey("other", b"o" * 32)
DATA = random.Random(3).randbytes(21_000_000)
UNWATCHED: Callable[[str], None] = lambda name: None  # noqa: E731


class Watched(MemoryStorage):
    """Knows which deletes came without a look at both copies of ``config`` just before.

    Attributes:
        on_put: called before each put.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trace: list[str] = []
        self.deleted: set[str] = set()
        self.blind: list[str] = []
        self.on_put = UNWATCHED

    def get(self, name, **part):
        self.trace.append(name)
        return super().get(name, **part)

    def put(self, name, data):
        self.trace.append("")
        self.on_put(name)
        super().put(name, data)

    def list(self, prefix):
        self.trace.append("")
        return super().list(prefix)

    def delete(self, name):
        if self.trace[-2:] != [*config.NAMES]:
            self.blind.append(name)
        self.trace.append("")
        self.deleted.add(name.partition("/")[0])
        super().delete(name)


@pytest.fixture
def storage() -> Watched:
    return Watched()


@pytest.fixture
def vault(storage: Watched) -> Vault:
    return Vault.create(storage, wrap=KEY)


def back_up(vault: Vault, *sizes: int, name: str = "site"):
    files = [(file(b"tree/%d" % size), DATA[:size]) for size in sizes]
    source = MemorySource(folder(b"tree"), *files)
    return vault.backup(source, name=name, report=Notes()).snapshot


def upgraded_at(vault: Vault, storage: Watched, prefix: str) -> None:
    """A later release begins to use the vault just before something is put there."""
    document = dict(config.read(storage)[1]) | {"features": ["later"], "revision": 2}
    document["mac"] = config._mac(document, vault._engine.ring)

    def act(name: str) -> None:
        if name.startswith(prefix):
            storage.on_put = UNWATCHED
            storage.objects |= dict.fromkeys(config.NAMES, documents.encode(document))

    storage.on_put = act


def names(storage: MemoryStorage, prefix: str) -> set[str]:
    return {name for name in storage.objects if name.startswith(prefix)}


def harm(storage: MemoryStorage, prefix: str) -> None:
    for name in names(storage, prefix):
        storage.objects[name] = storage.objects[name][:-30] + bytes(30)


def test_a_backup_of_hours_looks_before_it_removes_its_announcements(vault, storage):
    ticks = iter(range(0, 1 << 40, 1000))
    hooks = Hooks(monotonic=lambda: float(next(ticks)))
    back_up(Vault.open(storage, wrap=KEY, hooks=hooks), 20_000_000)

    assert storage.deleted == {"writing", "pending"}
    assert storage.blind == []


def test_a_backup_that_is_revoked_looks_before_it_takes_itself_back(vault, storage):
    engine = vault._engine

    def revoke(name: str) -> None:
        if name.startswith("snapshots/"):
            storage.on_put = UNWATCHED
            mark = name.replace("snapshots/", "revoked/")
            sealed = boxes.seal(engine.ring, b"R", mark, parts=(b"{}",), salt=engine.salt())
            storage.objects[mark] = sealed

    storage.on_put = revoke
    with pytest.raises(SnapshotRevoked):
        back_up(vault, 10)

    assert storage.deleted == {"snapshots", "pending"}
    assert storage.blind == []


def test_checks_look_before_they_tidy_up_what_they_remember(vault, storage):
    for number in range(10):
        back_up(vault, 1000 + number, name=str(number))
        vault.verify(read_data=1.0)

    assert "checked" in storage.deleted
    assert storage.blind == []


def test_a_repair_looks_before_each_thing_that_it_replaces_or_gives_up(vault, storage):
    back_up(vault, 700_000)
    vault.verify(read_data=1.0)
    unfinished.announce(vault._engine, ["ee" * 32], run=b"r" * 16)
    vault.tag(back_up(vault, 10).id, "monthly")
    for prefix in ("index/", "checked/", "writing/", "labels/", "config-copy", "keys-copy/"):
        harm(storage, prefix)
    storage.deleted.clear()

    Vault.open(storage, wrap=KEY).repair()
    report = Vault.open(storage, wrap=KEY).repair(give_up=sorted(names(storage, "labels/")))

    assert report.left == []
    mended = {"index", "checked", "writing", "config-copy", "keys-copy", "labels", "key-changes"}
    assert storage.deleted == mended
    assert storage.blind == []


def test_a_repair_looks_before_it_replaces_an_index_object_that_is_wrong(vault, storage):
    back_up(vault, 700_000)
    back_up(vault, 10)
    first, second = sorted(names(storage, "packs/"))[:2]
    storage.objects[first], storage.objects[second] = (
        storage.objects[second],
        storage.objects[first],
    )

    Vault.open(storage, wrap=KEY).repair()

    assert storage.blind == []


def test_changes_of_keys_look_before_they_remove_a_slot(vault, storage):
    vault.keys.rotate(KEY, OTHER)
    vault.keys.destroy()
    slots.finish_destroying(storage)

    assert storage.deleted == {"keys", "keys-copy", "key-changes"}
    assert names(storage, "keys") == set()
    assert storage.blind == []


def test_a_prune_looks_before_each_delete(vault, storage):
    old = back_up(vault, 700_000, name="old")
    back_up(vault, 900_000, name="new")
    vault.forget(snapshots=[old.id], even_last=True)
    for _ in range(2):
        vault.prune(grace_days=0, undo_days=0, may_condemn_most=True)

    assert {"snapshots", "packs", "condemned", "index"} <= storage.deleted
    assert storage.blind == []


def test_a_copy_looks_before_it_removes_what_it_announced(vault, storage):
    back_up(vault, 700_000)
    target = Watched()

    vault.copy_to(Vault.create(target, wrap=OTHER))

    assert target.deleted == {"pending"}
    assert target.blind == []


def test_a_snapshot_is_finished_and_its_announcement_left_to_a_later_release(vault, storage):
    upgraded_at(vault, storage, "snapshots/")

    snapshot = back_up(vault, 700_000)

    assert names(storage, "snapshots/") == {"snapshots/" + snapshot.id}
    assert names(storage, "pending/") == {"pending/" + snapshot.id}


def test_a_repair_stops_before_it_removes_an_index_object_of_a_later_release(vault, storage):
    back_up(vault, 700_000)
    harm(storage, "index/")
    before = names(storage, "index/")
    upgraded_at(vault, storage, "index/")

    with pytest.raises(NewerFormat):
        Vault.open(storage, wrap=KEY).repair()

    assert before <= names(storage, "index/")


def test_a_check_goes_on_and_leaves_what_it_remembers_to_a_later_release(vault, storage):
    back_up(vault, 700_000)
    upgraded_at(vault, storage, "checked/")

    reports = [vault.verify(read_data=1.0) for _ in range(5)]

    assert all(report.ok for report in reports)
    assert len(names(storage, "checked/")) == 5


def test_no_slot_is_removed_once_a_later_release_uses_the_vault(vault, storage):
    slot = vault.keys.add(OTHER)
    before = names(storage, "keys")
    upgraded_at(vault, storage, "key-changes/")

    with pytest.raises(NewerFormat):
        vault.keys.remove(slot)

    assert names(storage, "keys") == before
