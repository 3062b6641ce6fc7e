"""The order in which the real code lists, puts and deletes. That each of these orders is needed is
shown on a model (``tests/vault/protocol``); that the code keeps them is shown here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import Vault, boxes, config
from webapp.vault.hooks import Hooks
from webapp.vault.pruning import compaction
from webapp.vault.snapshots import FINISHED, PENDING, seal_root
from webapp.vault.storage.memory import MemoryStorage

DAY_NS = 86_400 * 10**9
LOOK = ["list pending", "list snapshots", "list condemned", "list packs"]
SETTLE = "wait"


class Watched(MemoryStorage):
    """Writes down what is done, by folder; a list in one folder's name counts as one of it."""

    settle_seconds = 1.0

    def __init__(self) -> None:
        self.now = 5 * 10**18
        super().__init__(now_ns=lambda: self.now)
        self.log: list[str] = []

    def _note(self, act: str, name: str) -> None:
        self.log.append(f"{act} {name.partition('/')[0]}")

    def put(self, name, data):
        super().put(name, data)
        self._note("put", name)

    def get(self, name, *, offset=0, length=None):
        if name == "config":
            self._note("read", name)
        return super().get(name, offset=offset, length=length)

    def list(self, prefix):
        self._note("list", prefix)
        return super().list(prefix)

    def delete(self, name):
        super().delete(name)
        self._note("delete", name)


@pytest.fixture
def storage() -> Watched:
    return Watched()


@pytest.fixture
def vault(storage: Watched) -> Vault:
    def wait(seconds: float) -> None:
        storage.log.append(SETTLE)

    return Vault.create(storage, wrap=KEY, hooks=Hooks(sleep=wait, time_ns=lambda: storage.now))


def backup(vault: Vault, *numbers: int, name: str = "site"):
    items = [(file(b"tree/%d" % one), b"%d" % one * 200_000) for one in numbers]
    return vault.backup(MemorySource(folder(b"tree"), *items), name=name, report=Notes()).snapshot


def relevant(log: Iterable[str], *wanted: str) -> list[str]:
    return [one for one in log if one in wanted]


def follow(log: list[str], *steps: str) -> bool:
    """Whether these steps are in the log in this order, with others in between."""
    left = iter(log)
    return all(step in left for step in steps)


def ready_to_delete(vault: Vault, storage: Watched) -> None:
    """Packs are condemned, and their grace is over."""
    old = backup(vault, 1, 2)
    backup(vault, 2, 3)
    vault.forget(snapshots=[old.id])
    vault.prune(undo_days=0, trust_clock=True, least_live=1.0, may_condemn_most=True)
    assert any(name.startswith("condemned/") for name in storage.objects)
    storage.now += 8 * DAY_NS
    storage.log.clear()


def test_a_writer_says_what_it_is_about_before_it_looks_again_and_condemned_comes_first(
    vault, storage
):
    backup(vault, 1)
    storage.log.clear()

    backup(vault, 1, 2)

    order = ("list condemned", "list packs", "put packs", "put index", "put pending", SETTLE)
    look = ("list condemned", "list packs", "put snapshots", "list revoked", "delete pending")
    assert relevant(storage.log, *order, *look) == [
        "list condemned", "list packs", "put packs", "put packs", "put index", "put pending",
        SETTLE, *look,
    ]  # fmt: skip


def test_a_prune_looks_again_when_it_has_condemned(vault, storage):
    old = backup(vault, 1, 2)
    backup(vault, 2, 3)
    vault.forget(snapshots=[old.id])
    storage.log.clear()

    vault.prune(undo_days=0, trust_clock=True, least_live=1.0, may_condemn_most=True)

    after = storage.log[storage.log.index("put condemned") :]
    before = storage.log[: storage.log.index("put condemned")]
    assert follow(before, *LOOK, "put packs", "put index")
    assert relevant(after, SETTLE, *LOOK)[:5] == [SETTLE, *LOOK]


def test_a_prune_that_deletes_knows_what_was_condemned_before_it_looks(vault, storage):
    ready_to_delete(vault, storage)

    report = vault.prune()

    assert report.deleted_packs
    until = storage.log[: storage.log.index("delete packs")]
    # The list of what is deleted comes first, then a wait, then roots, condemned and packs.
    last_look = len(until) - until[::-1].index("list pending") - 1
    assert relevant(until[last_look:], *LOOK) == LOOK
    assert follow(until[:last_look], "list condemned", SETTLE)


def test_a_prune_deletes_packs_then_their_index_then_what_condemned_them(
    vault, storage, monkeypatch
):
    ready_to_delete(vault, storage)
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_MANY", 1)
        vault.prune(grace_days=30)  # only joins what the index says, live and condemned
    storage.log.clear()

    vault.prune()

    deletes = relevant(storage.log, "delete packs", "put index", "delete index", "delete condemned")
    kinds = list(dict.fromkeys(deletes))
    assert kinds == ["delete packs", "put index", "delete index", "delete condemned"]
    assert deletes == sorted(deletes, key=kinds.index)
    then = storage.log[len(storage.log) - storage.log[::-1].index("delete packs") :]
    assert relevant(then, "list index", "list packs", "put index")[:3] == [
        "list index", "list packs", "put index",
    ]  # fmt: skip


def test_what_a_vault_demands_is_read_again_before_each_delete(vault, storage):
    ready_to_delete(vault, storage)

    vault.prune()

    acts = relevant(storage.log, "read config", "delete packs", "delete index", "delete condemned")
    deletes = [number for number, act in enumerate(acts) if act.startswith("delete")]
    assert len(deletes) > 2
    assert all(acts[number - 1] == "read config" for number in deletes)


def test_a_prune_that_meets_a_new_feature_half_way_deletes_no_more(vault, storage, monkeypatch):
    ready_to_delete(vault, storage)
    known = iter([config.FEATURES] * 2)
    newer = replace(vault._engine.config, features=("of-a-later-release",), revision=2)
    whole = storage.delete

    def delete(name):
        whole(name)
        if name.startswith("packs/") and next(known, None):
            for copy in config.NAMES:
                storage.objects.pop(copy, None)
            config.write(storage, newer, vault._engine.ring)

    monkeypatch.setattr(storage, "delete", delete)
    packs = [name for name in storage.objects if name.startswith("packs/")]

    with pytest.raises(Exception, match="later release"):
        vault.prune()

    assert len(packs) - len([name for name in storage.objects if name.startswith("packs/")]) == 1
    assert any(name.startswith("condemned/") for name in storage.objects)


def silent_writer(vault: Vault, storage: Watched) -> str:
    """What a host leaves that was not heard of for long."""
    done = backup(vault, 1)
    engine, root = vault._engine, replace(done, id="ab" * 16)
    root = replace(root, writer={**root.writer, "boot": "another", "host": "far away"})
    parts = engine.roots.parts(FINISHED + done.id)
    sealed = seal_root(engine.ring, root, parts, folder=PENDING, salt=engine.salt())
    storage.put(PENDING + root.id, sealed)
    storage.now += 31 * DAY_NS
    storage.log.clear()
    return root.id


def test_who_is_taken_for_dead_is_revoked_then_looked_for_then_dropped(vault, storage):
    silent_writer(vault, storage)

    vault.prune(trust_clock=True)

    wanted = ("put revoked", SETTLE, "list snapshots", "delete pending")
    at = storage.log.index("put revoked")
    assert relevant(storage.log[at:], *wanted)[:4] == list(wanted)
    assert "delete pending" not in storage.log[:at]


def test_who_finished_just_before_being_taken_for_dead_is_not_dropped(vault, storage, monkeypatch):
    identity = silent_writer(vault, storage)
    engine, whole = vault._engine, storage.put

    def put(name, data):
        whole(name, data)
        if name.startswith("revoked/"):  # now its final put arrives
            root = engine.roots.read(PENDING + identity)
            parts = engine.roots.parts(PENDING + identity)
            final = seal_root(engine.ring, root, parts, folder=FINISHED, salt=engine.salt())
            storage.objects[FINISHED + identity] = final

    monkeypatch.setattr(storage, "put", put)

    vault.prune(trust_clock=True)

    before = storage.log[: storage.log.index("delete revoked")]
    assert "delete pending" not in before
    assert FINISHED + identity in storage.objects


def test_a_revoked_snapshot_is_not_taken_for_whole_when_its_data_is_gone(vault, storage):
    """Its pending root was gone before it was finished, and a prune had deleted what it needed."""
    lost = backup(vault, 1, name="lost")
    packs = [name for name in storage.objects if name.startswith("packs/")]
    kept = backup(vault, 2, name="kept")
    name = "revoked/" + lost.id
    sealed = boxes.seal(vault._engine.ring, b"R", name, parts=(b"{}",), salt=vault._engine.salt())
    storage.objects[name] = sealed
    for pack in packs:
        del storage.objects[pack]

    vault.prune(may_condemn_most=True)

    assert FINISHED + lost.id not in storage.objects
    assert name in storage.objects
    assert vault.snapshots() == [kept]
