"""What opens a vault: keys listed, added, removed, exchanged, destroyed."""

from __future__ import annotations

from datetime import UTC, datetime

from webapp.errors import Invalid
from webapp.standalone.listing import Document
from webapp.standalone.vaults import Where, opened
from webapp.vault import config
from webapp.vault.errors import KeysDestroyed
from webapp.vault.keys import KeySlot, Passphrase
from webapp.vault.transfer import sheets, slots
from webapp.vault.vault import Vault

_SHORTEST = 4


def listed(where: Where) -> list[Document]:
    """All key slots, oldest first; ``current`` is the one that the passphrase opened."""
    with opened(where) as vault:
        current = vault.keys.slot_of(Passphrase(where.passphrase))["id"]
        return [{**_described(slot), "current": slot.id == current} for slot in vault.keys.all()]


def add(where: Where, passphrase: str, *, label: str = "") -> Document:
    """Let a second passphrase open the vault too."""
    with opened(where) as vault:
        return _one(vault, vault.keys.add(Passphrase(passphrase), label=label))


def remove(where: Where, slot: str) -> Document:
    """Remove the slot whose id begins with *slot*.

    Raises:
        LastKey: nothing else would open the vault.
    """
    with opened(where) as vault:
        found = _one(vault, slot)
        vault.keys.remove(str(found["id"]))
        return found


def rotate(where: Where, passphrase: str, *, label: str = "") -> Document:
    """Exchange the passphrase that opened the vault for another."""
    with opened(where) as vault:
        old, new = Passphrase(where.passphrase), Passphrase(passphrase)
        return _one(vault, vault.keys.rotate(old, new, label=label))


def destroy(where: Where, *, confirm: str) -> Document:
    """Make everything in the vault unreadable, for good; completes what was cut short.

    Args:
        confirm: the vault's id, or its first 8 digits.

    Raises:
        Invalid: *confirm* is not this vault's.
    """
    storage = where.storage()
    vault_id = config.read(storage)[0].vault_id.hex()
    if len(confirm) < 8 or not vault_id.startswith(confirm):
        raise Invalid({"confirm": f"This destroys vault {vault_id[:8]}. Confirm with its id."})
    try:
        with opened(where) as vault:
            vault.keys.destroy()
    except KeysDestroyed:
        slots.finish_destroying(storage)
    return {"vault_id": vault_id, "destroyed": True}


def put_back(where: Where, text: str) -> Document:
    """Store a slot again from a recovery sheet, and open the vault with it.

    Raises:
        Damaged: *text* has a slip in it.
        Invalid: it is another vault's.
    """
    storage, slot = where.storage(), sheets.read(text)
    if slot["vault_id"] != config.read(storage)[0].vault_id.hex():
        raise Invalid({"sheet": f"This key is of another vault, {slot['vault_id'][:8]}."})
    slots.put_back(storage, text)
    with opened(where) as vault:
        return _one(vault, str(slot["id"]))


def _one(vault: Vault, start: str) -> Document:
    found = [slot for slot in vault.keys.all() if slot.id.startswith(start)]
    if len(start) < _SHORTEST or len(found) != 1:
        raise Invalid({"slot": f"{len(found)} key slots begin with {start}: see key list."})
    return _described(found[0])


def _described(slot: KeySlot) -> Document:
    made = datetime.fromtimestamp(slot.created_ns // 10**9, UTC) if slot.created_ns else None
    return {
        "id": slot.id,
        "kind": slot.kind,
        "label": slot.label,
        "created": made.isoformat() if made else None,
        "copies": slot.copies,
    }
