"""Keys: list, add, remove, rotate, destroy. Each is safe to die in, and safe to repeat.

What opens a vault changes here; the master key behind it never does. All names, seals and cuts of
a vault come from its master key, so another one would mean to write everything again: that is
what a copy into a new vault does.
"""

from __future__ import annotations

from contextlib import suppress

from webapp.vault import documents, keys
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, KeysDestroyed, LastKey, ObjectExists, SlotMissing
from webapp.vault.keys import KeySlot, Wrapping
from webapp.vault.storage.base import Storage
from webapp.vault.transfer import sheets
from webapp.vault.transfer.key_changes import (
    DESTROY,
    changing,
    check_destroyed,
    delete_slot,
    usable_slots,
)


class Keys:
    """What opens a vault."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[KeySlot]:
        """What is known of each slot, oldest first."""
        found = [
            keys.describe(self._engine.storage, one) for one in keys.slot_ids(self._engine.storage)
        ]
        return sorted(found, key=lambda slot: (slot.created_ns, slot.id))

    def add(self, wrap: Wrapping, *, label: str = "") -> str:
        """Let *wrap* open the vault too; return the new slot's id.

        Raises:
            Busy: somebody else is changing the keys.
        """
        slot = _new(self._engine, wrap, label)
        with changing(self._engine, "add", adds=slot["id"]):
            _store(self._engine, slot, wrap)
        return str(slot["id"])

    def remove(self, slot_id: str) -> None:
        """Remove a slot: what opened it opens the vault no more.

        Whoever kept a copy of the slot and knows its passphrase still has the master key.

        Raises:
            SlotMissing: there is none of this id.
            LastKey: no other sound slot would be left.
            Busy: somebody else is changing the keys.
            StorageError: it may be half removed; the next change removes the rest.
        """
        with changing(self._engine, "remove", removes=slot_id):
            if slot_id not in set(keys.slot_ids(self._engine.storage)):
                raise SlotMissing(f"The vault has no key slot {slot_id}.")
            if set(usable_slots(self._engine.storage, self._engine.ring.vault_id)) <= {slot_id}:
                raise LastKey("This is the last key of the vault; without it nobody can read it.")

    def rotate(self, old: Wrapping, new: Wrapping, *, label: str = "") -> str:
        """Let *new* open the vault in place of *old*; return the new slot's id.

        Raises:
            WrongKey: *old* opens no slot.
            Busy: somebody else is changing the keys.
            StorageError: if the new one is there, the next change removes what is left of the old.
        """
        before, _ = keys.open_slot(self._engine.storage, self._engine.ring.vault_id, old)
        slot = _new(self._engine, new, label or str(before.get("label", "")))
        with changing(self._engine, "rotate", adds=slot["id"], removes=before["id"]):
            _store(self._engine, slot, new)
        return str(slot["id"])

    def slot_of(self, wrap: Wrapping) -> documents.Document:
        """The slot that *wrap* opens, as stored: what a recovery sheet shows.

        Raises:
            WrongKey: it opens none.
        """
        return keys.open_slot(self._engine.storage, self._engine.ring.vault_id, wrap)[0]

    def destroy(self) -> None:
        """Destroy all slots, for good: what the vault holds is random bytes from now on.

        Raises:
            Busy: somebody else is changing the keys.
        """
        try:
            with changing(self._engine, DESTROY):
                _delete_all(self._engine.storage)
        except KeysDestroyed:
            _delete_all(self._engine.storage)


def finish_destroying(storage: Storage) -> bool:
    """Complete a destruction that was cut short, for which no key is needed; say if there was
    one at all."""
    try:
        check_destroyed(storage)
    except KeysDestroyed:
        _delete_all(storage)
        return True
    return False


def put_back(storage: Storage, text: str) -> KeySlot:
    """Store a slot again from what a recovery sheet holds of it.

    Raises:
        Damaged: *text* is not, or not exactly, a slot.
    """
    slot = sheets.read(text)
    data = documents.encode(slot)
    for name in keys.slot_names(slot["id"]):
        with suppress(ObjectExists):
            storage.put(name, data)
    return keys.describe(storage, slot["id"])


def _new(engine: Engine, wrap: Wrapping, label: str) -> documents.Document:
    notes = {"label": label, "created_ns": engine.hooks.time_ns()}
    return keys.make_slot(
        engine.ring.master,
        wrap,
        vault_id=engine.ring.vault_id,
        random_bytes=engine.hooks.random_bytes,
        notes=notes,
    )


def _store(engine: Engine, slot: documents.Document, wrap: Wrapping) -> None:
    """Store a slot, and read it back: it must open before any other may go."""
    keys.put_slot(engine.storage, slot)
    again = documents.read_either(engine.storage, keys.slot_names(slot["id"]))
    if keys.unwrap(again, engine.ring.vault_id, wrap) != engine.ring.master:
        raise Damaged("keys/" + slot["id"], "it does not open after it was written")
    try:
        check_destroyed(engine.storage)
    except Exception:
        delete_slot(engine.storage, slot["id"])
        raise


def _delete_all(storage: Storage) -> None:
    while slots := list(keys.slot_ids(storage)):
        for slot_id in slots:
            delete_slot(storage, slot_id)
