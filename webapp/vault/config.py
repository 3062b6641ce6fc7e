"""``config``: what a vault is. Readable without a key, authenticated with one."""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass, field

from blake3 import blake3

from webapp.vault import documents
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, NewerFormat, NotAVault, ObjectExists, ObjectMissing
from webapp.vault.errors import VaultExists as Exists
from webapp.vault.storage.base import Storage

NAMES = ("config", "config-copy")
FORMAT = 1
PRIVATE_BOUNDARIES = "private-boundaries"
FEATURES = frozenset({PRIVATE_BOUNDARIES})  # required features that this release knows


@dataclass(frozen=True, kw_only=True)
class Config:
    """A vault's identity.

    Attributes:
        vault_id: 16 random bytes.
        created_ns: by the host's clock; for people only.
        revision: grows by one with each change; the higher of two sound copies counts.
        features: what a release must know to read or write this vault.
        chunkers: names of the chunker profiles in use; another set voids every parent.
    """

    vault_id: bytes
    created_ns: int
    revision: int = 1
    features: tuple[str, ...] = ()
    chunkers: tuple[str, ...] = field(default=("media-1", "fine-1"))


def write(storage: Storage, config: Config, ring: KeyRing) -> None:
    """Store both copies; the copy first, so that ``config`` appears last of all.

    Raises:
        VaultExists: there is one already.
    """
    document = _document(config)
    document["mac"] = _mac(document, ring)
    data = documents.encode(document)
    try:
        for name in reversed(NAMES):
            storage.put(name, data)
    except ObjectExists:
        raise Exists("There is a vault here already.") from None


def exists(storage: Storage) -> bool:
    return any(found.name in NAMES for found in storage.list("config"))


def read(storage: Storage) -> tuple[Config, documents.Document]:
    """Read ``config``; it is not authenticated until ``authenticate`` says so.

    Raises:
        NotAVault: there is nothing of a vault here.
        NewerFormat: a later release wrote it.
        Damaged: both copies are.
    """
    try:
        document = documents.read_either(storage, NAMES)
    except ObjectMissing:
        if any(storage.list("packs/")) or any(storage.list("snapshots/")):
            raise Damaged(NAMES[0], "both copies are missing") from None
        raise NotAVault("There is no vault here.") from None
    return _parse(document), document


def authenticate(document: documents.Document, ring: KeyRing) -> None:
    """Raises ``Damaged`` if *document* was not written by a holder of the key."""
    claimed = str(document.get("mac", ""))
    if not hmac.compare_digest(claimed.encode(), _mac(document, ring).encode()):
        raise Damaged(NAMES[0], "it was not written by a holder of this vault's key")


def authentic(storage: Storage, document: documents.Document, ring: KeyRing) -> Config:
    """What *document* says, if a holder of the key wrote it, else what another copy says.

    Raises:
        Damaged: nobody who holds the key wrote any of them.
    """
    try:
        authenticate(document, ring)
        return _parse(document)
    except Damaged as error:
        for name in NAMES:
            with suppress(Damaged, ObjectMissing):
                other = documents.load(storage, name)
                authenticate(other, ring)
                return _parse(other)
        raise error


def _document(config: Config) -> documents.Document:
    return {
        "what": "lastgood vault",
        "format": FORMAT,
        "vault_id": config.vault_id.hex(),
        "created_ns": config.created_ns,
        "revision": config.revision,
        "features": sorted(config.features),
        "chunkers": list(config.chunkers),
    }


def _parse(document: documents.Document) -> Config:
    if document.get("what") != "lastgood vault":
        raise NotAVault("The file named config here is not a vault's.")
    try:
        unknown = set(map(str, document.get("features", ()))) - FEATURES
        if document.get("format") != FORMAT or unknown:
            raise NewerFormat("A later release wrote this vault. Use that release to open it.")
        vault_id = bytes.fromhex(document["vault_id"])
        return Config(
            vault_id=vault_id,
            created_ns=int(document["created_ns"]),
            revision=int(document["revision"]),
            features=tuple(document["features"]),
            chunkers=tuple(document["chunkers"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise Damaged(NAMES[0], "a field is missing or malformed") from None


def _mac(document: documents.Document, ring: KeyRing) -> str:
    body = documents.canonical({key: value for key, value in document.items() if key != "mac"})
    return blake3(body, key=ring.config).hexdigest()
