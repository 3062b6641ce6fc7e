"""Keys: listed, added, removed, rotated, destroyed; whatever dies, whoever else is at it."""

from __future__ import annotations

import os
import random

import pytest
from blake3 import blake3

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from webapp.vault import (
    Busy,
    ConsoleKey,
    Damaged,
    KeysDestroyed,
    LastKey,
    Passphrase,
    SlotMissing,
    Vault,
    WrongKey,
    documents,
    processes,
)
from webapp.vault.keys import Cost
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.transfer import key_changes, slots

QUICK = Cost(rounds=1, memory_kib=64, lanes=1)
OLD, NEW = Passphrase("old", cost=QUICK), Passphrase("new", cost=QUICK)


class Killed(BaseException):
    """Not an error that anything catches."""


class DyingStorage(MemoryStorage):
    """Does so many writes and deletes, then the process is dead: nothing works any more."""

    def __init__(self, objects: dict[str, bytes], left: int) -> None:
        super().__init__()
        self.objects = objects
        self._left = left

    def _step(self) -> None:
        if self._left <= 0:
            raise Killed
        self._left -= 1

    def put(self, name, data):
        self._step()
        super().put(name, data)

    def delete(self, name):
        self._step()
        super().delete(name)


@pytest.fixture
def storage():
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=OLD)
    vault.backup(MemorySource((file(b"tree/a"), b"content")), name="a", report=Notes())
    return storage


@pytest.fixture
def all_dead(monkeypatch):
    """Whoever left a marker is dead."""
    monkeypatch.setattr(processes, "is_dead", lambda writer: True)


def opens(storage, *wraps) -> list[bool]:
    found = []
    for wrap in wraps:
        try:
            assert Vault.open(storage, wrap=wrap).snapshots()
            found.append(True)
        except WrongKey:
            found.append(False)
    return found


def markers(storage):
    return [name for name in storage.objects if name.startswith("key-changes/")]


def test_an_added_key_opens_the_vault_too(storage):
    vault = Vault.open(storage, wrap=OLD)

    slot_id = vault.keys.add(ConsoleKey("ours", b"c" * 32), label="console")

    assert opens(storage, OLD, ConsoleKey("ours", b"c" * 32)) == [True, True]
    first, second = vault.keys.all()
    assert (first.kind, first.label, first.copies) == ("passphrase", "", 2)
    assert (second.id, second.kind, second.label) == (slot_id, "console", "console")
    assert second.created_ns > 0
    assert markers(storage) == []


def test_a_removed_key_opens_it_no_more(storage):
    vault = Vault.open(storage, wrap=OLD)
    vault.keys.add(NEW)

    vault.keys.remove(vault.keys.all()[0].id)

    assert opens(storage, OLD, NEW) == [False, True]
    assert len([name for name in storage.objects if name.startswith("keys")]) == 2


def test_the_last_key_cannot_be_removed(storage):
    vault = Vault.open(storage, wrap=OLD)
    (slot,) = vault.keys.all()

    with pytest.raises(LastKey):
        vault.keys.remove(slot.id)

    assert opens(storage, OLD) == [True]


@pytest.mark.parametrize("spoil", ["damaged", "foreign"])
def test_a_slot_that_opens_nothing_does_not_count_as_another_key(storage, spoil):
    vault = Vault.open(storage, wrap=OLD)
    (mine,) = vault.keys.all()
    other = vault.keys.add(NEW)
    for name in (f"keys/{other}", f"keys-copy/{other}"):
        if spoil == "damaged":
            storage.objects[name] = storage.objects[name][:-3]
        else:
            slot = documents.decode(name, storage.objects[name])
            storage.objects[name] = documents.encode({**slot, "vault_id": "00" * 16})

    with pytest.raises(LastKey):
        vault.keys.remove(mine.id)


def test_a_slot_that_is_not_there_cannot_be_removed(storage):
    with pytest.raises(SlotMissing):
        Vault.open(storage, wrap=OLD).keys.remove("0" * 32)


def test_rotation_puts_a_new_key_in_the_old_ones_place(storage):
    vault = Vault.open(storage, wrap=OLD)

    slot_id = vault.keys.rotate(OLD, NEW)

    assert opens(storage, OLD, NEW) == [False, True]
    assert [slot.id for slot in vault.keys.all()] == [slot_id]


def test_the_old_key_stays_if_the_new_one_does_not_open_once_it_is_stored(storage, monkeypatch):
    vault = Vault.open(storage, wrap=OLD)
    real = slots.keys.put_slot

    def store_another(place, slot):
        same_id = bytes.fromhex(slot["id"])
        wrong = slots.keys.make_slot(
            bytes(32),  # another master key, sealed as it should be
            NEW,
            vault_id=vault._engine.ring.vault_id,
            random_bytes=lambda count: same_id if count == 16 else os.urandom(count),
        )
        real(place, wrong)

    monkeypatch.setattr(slots.keys, "put_slot", store_another)

    with pytest.raises(Damaged):
        vault.keys.rotate(OLD, NEW)

    assert opens(storage, OLD) == [True]


def test_a_copy_of_the_old_slot_still_holds_the_master_key(storage):
    """Documented: a rotation cannot take back what somebody has kept."""
    kept = {name: data for name, data in storage.objects.items() if name.startswith("keys")}
    Vault.open(storage, wrap=OLD).keys.rotate(OLD, NEW)

    storage.objects.update(kept)

    assert opens(storage, OLD) == [True]


def test_a_wrong_old_key_rotates_nothing(storage):
    vault = Vault.open(storage, wrap=OLD)

    with pytest.raises(WrongKey):
        vault.keys.rotate(NEW, NEW)

    assert len(vault.keys.all()) == 1


def test_somebody_elses_change_is_busy_until_it_is_over(storage):
    ours, theirs = (Vault.open(storage, wrap=OLD) for _ in range(2))

    with key_changes.changing(theirs._engine, "add"), pytest.raises(Busy):
        ours.keys.add(NEW)

    assert len(ours.keys.all()) == 1
    assert ours.keys.add(NEW)


def test_of_two_who_begin_at_once_each_sees_the_other_and_withdraws(storage, monkeypatch):
    ours, theirs = (Vault.open(storage, wrap=OLD)._engine for _ in range(2))
    marker = documents.encode(key_changes._marker(theirs, "add", "", ""))
    settle = key_changes._settle_others

    def settle_before_they_write(engine):
        settle(engine)
        storage.objects["key-changes/theirs"] = marker

    monkeypatch.setattr(key_changes, "_settle_others", settle_before_they_write)

    with pytest.raises(Busy), key_changes.changing(ours, "add"):
        pytest.fail("it went on")

    assert markers(storage) == ["key-changes/theirs"]


def test_a_change_of_another_host_counts_no_more_after_a_quarter_of_an_hour(storage, monkeypatch):
    vault = Vault.open(storage, wrap=OLD)
    marker = key_changes._marker(vault._engine, "add", "", "")
    storage.objects["key-changes/aa"] = documents.encode(marker)
    with pytest.raises(Busy):
        vault.keys.add(NEW)

    later = marker["started_ns"] + 901_000_000_000
    monkeypatch.setattr(storage, "_now_ns", lambda: later)

    assert vault.keys.add(NEW)
    assert markers(storage) == []


def test_a_marker_that_no_holder_of_the_key_wrote_is_named(storage, all_dead):
    vault = Vault.open(storage, wrap=OLD)
    marker = key_changes._marker(vault._engine, "remove", "", vault.keys.all()[0].id)
    storage.objects["key-changes/aa"] = documents.encode({**marker, "removes": "other"})

    with pytest.raises(Damaged, match="key-changes/aa"):
        vault.keys.add(NEW)


@pytest.mark.parametrize("steps", range(6))
def test_dying_at_any_point_of_a_rotation_leaves_a_key_and_the_next_change_ends_it(
    storage, all_dead, steps
):
    dying = DyingStorage(storage.objects, steps)
    with pytest.raises(Killed):
        Vault.open(dying, wrap=OLD).keys.rotate(OLD, NEW)
    is_old, is_new = opens(storage, OLD, NEW)
    assert is_old or is_new

    vault = Vault.open(storage, wrap=OLD if is_old else NEW)
    vault.keys.add(Passphrase("third", cost=QUICK))

    assert markers(storage) == []
    assert opens(storage, OLD, NEW) == ([False, True] if is_new else [True, False])
    assert {slot.copies for slot in vault.keys.all()} == {2}


@pytest.mark.parametrize("steps", range(4))
def test_dying_at_any_point_of_a_removal_leaves_the_others(storage, all_dead, steps):
    vault = Vault.open(storage, wrap=OLD)
    slot_id = vault.keys.add(NEW)
    with pytest.raises(Killed):
        Vault.open(DyingStorage(storage.objects, steps), wrap=OLD).keys.remove(slot_id)
    assert opens(storage, OLD) == [True]

    vault.keys.add(Passphrase("third", cost=QUICK))

    assert opens(storage, NEW) == [steps == 0]
    assert opens(storage, OLD) == [True]


CONTENT = random.Random(5).randbytes(400_000)
TEXT = b"a line that is easily recognised\n" * 3000


def test_destroying_the_keys_makes_everything_unreadable_for_good():
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    vault.keys.add(OLD)
    items = [(file(b"tree/known-name"), CONTENT), (file(b"db/text"), TEXT)]
    vault.backup(MemorySource(*items), name="customer-source", reason="r" * 40, report=Notes())
    before = {name for name in storage.objects if not name.startswith("keys")}

    vault.keys.destroy()

    assert before <= storage.objects.keys()
    assert not any(name.startswith(("keys/", "keys-copy/")) for name in storage.objects)
    for wrap in (KEY, OLD, ConsoleKey("test", bytes(32)), NEW):
        with pytest.raises(KeysDestroyed, match=r"were destroyed on 20\d\d-"):
            Vault.open(storage, wrap=wrap)
    stored = b"".join([name.encode() + data for name, data in storage.objects.items()])
    traces = [CONTENT[at : at + 16] for at in range(0, len(CONTENT), 4000)]
    traces += [b"easily recognised", b"known-name", b"customer-source", b"r" * 16]
    for data in (CONTENT, TEXT):
        digest = blake3(data).digest()
        traces += [digest, digest.hex().encode()]
    master = vault._engine.ring.master
    traces += [master, master.hex().encode()]
    assert [trace for trace in traces if trace in stored] == []


def test_after_the_destruction_no_key_can_be_added(storage):
    vault = Vault.open(storage, wrap=OLD)
    vault.keys.destroy()

    with pytest.raises(KeysDestroyed):
        vault.keys.add(NEW)

    assert not any(name.startswith("keys") for name in storage.objects)


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_destruction_that_was_cut_short_is_completed_without_a_key(storage, steps):
    Vault.open(storage, wrap=OLD).keys.add(NEW)
    with pytest.raises(Killed):
        Vault.open(DyingStorage(storage.objects, steps), wrap=OLD).keys.destroy()

    assert slots.finish_destroying(storage)

    assert not any(name.startswith("keys/") for name in storage.objects)
    with pytest.raises(KeysDestroyed):
        Vault.open(storage, wrap=NEW)


def test_no_destruction_is_completed_that_nobody_began(storage):
    assert not slots.finish_destroying(storage)
    assert opens(storage, OLD) == [True]


def test_a_change_that_wakes_up_after_the_destruction_takes_its_slot_back(storage, monkeypatch):
    late = Vault.open(storage, wrap=OLD)
    other = Vault.open(storage, wrap=OLD)
    real = slots.keys.put_slot

    def after_the_destruction(place, slot):
        monkeypatch.setattr(processes, "is_dead", lambda writer: True)
        other.keys.destroy()
        real(place, slot)

    monkeypatch.setattr(slots.keys, "put_slot", after_the_destruction)

    with pytest.raises(KeysDestroyed):
        late.keys.add(NEW)

    assert not any(name.startswith("keys") for name in storage.objects)
