"""The master key of a vault, and the slots that hold it wrapped.

Each slot is a document at ``keys/ID`` and again at ``keys-copy/ID``. What wraps the key is a
passphrase, through Argon2id, or a key that the console keeps.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from argon2.exceptions import Argon2Error
from argon2.low_level import Type, hash_secret_raw
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.vault import documents
from webapp.vault.derivation import KEY_BYTES, derive
from webapp.vault.errors import Damaged, ObjectMissing, WrongKey
from webapp.vault.storage.base import Storage

_MEMORY_LIMIT_KIB = 4 << 20
_ROUNDS_LIMIT = 64


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one guess of a passphrase costs: Argon2id's parameters."""

    rounds: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


class Wrapping(Protocol):
    """A way to wrap the master key."""

    @property
    def kind(self) -> str: ...

    def facts(self) -> documents.Document:
        """What a slot must tell in clear to be opened again."""

    def wrapping_key(self, slot: documents.Document) -> bytes | None:
        """The 32 bytes that open *slot*; None if it is not for this wrapping."""


@dataclass(frozen=True)
class Passphrase:
    """A passphrase, as typed; its Unicode form does not matter (NFC)."""

    text: str = field(repr=False)
    cost: Cost = field(default=Cost(), kw_only=True)
    kind = "passphrase"

    def facts(self) -> documents.Document:
        cost = self.cost
        return {"rounds": cost.rounds, "memory_kib": cost.memory_kib, "lanes": cost.lanes}

    def wrapping_key(self, slot: documents.Document) -> bytes | None:
        rounds, memory, lanes = slot["rounds"], slot["memory_kib"], slot["lanes"]
        if not (
            0 < rounds <= _ROUNDS_LIMIT and 0 < memory <= _MEMORY_LIMIT_KIB and 0 < lanes < 256
        ):
            raise Damaged(f"keys/{slot.get('id')}", "its cost is out of bounds")
        stretched = hash_secret_raw(
            unicodedata.normalize("NFC", self.text).encode(),
            bytes.fromhex(slot["salt"]),
            time_cost=rounds,
            memory_cost=memory,
            parallelism=lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )
        return derive(stretched, "wrapping by passphrase")


@dataclass(frozen=True)
class ConsoleKey:
    """A key that the console keeps for this vault: 32 bytes, under a name that is no secret."""

    key_id: str
    key: bytes = field(repr=False)
    kind = "console"

    def facts(self) -> documents.Document:
        return {"key_id": self.key_id}

    def wrapping_key(self, slot: documents.Document) -> bytes | None:
        if slot["key_id"] != self.key_id:
            return None
        if len(self.key) != KEY_BYTES:
            raise WrongKey("The console's key is not 32 bytes long.")
        return derive(self.key + bytes.fromhex(slot["salt"]), "wrapping by console")


@dataclass(frozen=True, kw_only=True)
class KeySlot:
    """What is known of a slot without its key.

    Attributes:
        label: what its maker called it; may be empty.
        created_ns: by the maker's clock; 0 if the slot does not say.
        copies: how many of its two copies are sound; none: it can open nothing.
    """

    id: str
    kind: str = ""
    label: str = ""
    created_ns: int = 0
    copies: int = 0


def add_slot(
    storage: Storage,
    master: bytes,
    *,
    vault_id: bytes,
    wrap: Wrapping,
    random_bytes: Callable[[int], bytes],
    notes: documents.Document | None = None,
) -> str:
    """Wrap *master* once more; return the new slot's id."""
    slot = make_slot(master, wrap, vault_id=vault_id, random_bytes=random_bytes, notes=notes)
    put_slot(storage, slot)
    return str(slot["id"])


def make_slot(
    master: bytes,
    wrap: Wrapping,
    *,
    vault_id: bytes,
    random_bytes: Callable[[int], bytes],
    notes: documents.Document | None = None,
) -> documents.Document:
    """A slot that is not stored yet.

    Args:
        notes: ``label`` and ``created_ns``; readable without a key, authenticated with one.
    """
    slot: documents.Document = {
        "what": "lastgood key",
        "format": 1,
        "id": random_bytes(16).hex(),
        "vault_id": vault_id.hex(),
        "kind": wrap.kind,
        "salt": random_bytes(32).hex(),
        **(notes or {}),
        **wrap.facts(),
    }
    key = wrap.wrapping_key(slot)
    assert key is not None
    slot["check"] = _check(key)
    slot["box"] = _cipher(key).encrypt(bytes(12), master, _bound(slot)).hex()
    return slot


def put_slot(storage: Storage, slot: documents.Document) -> None:
    """Store both copies. By either of them the slot opens."""
    data = documents.encode(slot)
    for name in slot_names(slot["id"]):
        storage.put(name, data)


def describe(storage: Storage, slot_id: str) -> KeySlot:
    """What a stored slot says of itself, by either sound copy."""
    found = []
    for name in slot_names(slot_id):
        with suppress(Damaged, ObjectMissing):
            found.append(documents.load(storage, name))
    facts = found[0] if found else {}
    created_ns = facts.get("created_ns", 0)
    return KeySlot(
        id=slot_id,
        kind=str(facts.get("kind", "")),
        label=str(facts.get("label", "")),
        created_ns=created_ns if isinstance(created_ns, int) else 0,
        copies=len(found),
    )


def unlock(storage: Storage, vault_id: bytes, wrap: Wrapping) -> bytes:
    """The master key.

    Raises:
        WrongKey: there are sound slots, and none opens with *wrap*.
        Damaged: no slot is sound, or the one that *wrap* fits is not.
    """
    return open_slot(storage, vault_id, wrap)[1]


def open_slot(
    storage: Storage, vault_id: bytes, wrap: Wrapping
) -> tuple[documents.Document, bytes]:
    """The slot that *wrap* opens, and the master key in it; errors as ``unlock``."""
    problem: Damaged | None = None
    for slot_id in slot_ids(storage):
        try:
            slot = documents.read_either(storage, slot_names(slot_id))
            master = unwrap(slot, vault_id, wrap)
        except Damaged as error:
            problem = error
            continue
        if master is not None:
            return slot, master
    raise problem or WrongKey("This passphrase or key does not open the vault.")


def slot_ids(storage: Storage) -> Iterator[str]:
    """Ids of all key slots, of which at least one copy is there."""
    found = {item.name.partition("/")[2] for item in storage.list("keys/")}
    found |= {item.name.partition("/")[2] for item in storage.list("keys-copy/")}
    yield from sorted(found)


def unwrap(slot: documents.Document, vault_id: bytes, wrap: Wrapping) -> bytes | None:
    """The master key in *slot*; None if it is another vault's, or *wrap* is not for it."""
    try:
        if slot["vault_id"] != vault_id.hex() or slot["kind"] != wrap.kind:
            return None
        key = wrap.wrapping_key(slot)
        if key is None or not hmac.compare_digest(_check(key), slot["check"]):
            return None
        return _cipher(key).decrypt(bytes(12), bytes.fromhex(slot["box"]), _bound(slot))
    except InvalidTag:
        raise Damaged(f"keys/{slot.get('id')}", "it fails authentication") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, Argon2Error):
        raise Damaged(f"keys/{slot.get('id')}", "a field is missing or malformed") from None


def _check(key: bytes) -> str:
    """Tells a wrong key from a damaged slot; GCM alone would not commit to its key."""
    return blake3(b"check", key=key).hexdigest()


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(blake3(b"box", key=key).digest())


def _bound(slot: documents.Document) -> bytes:
    return documents.canonical({key: value for key, value in slot.items() if key != "box"})


def slot_names(slot_id: str) -> tuple[str, str]:
    """Where the two copies of a slot lie."""
    return f"keys/{slot_id}", f"keys-copy/{slot_id}"
