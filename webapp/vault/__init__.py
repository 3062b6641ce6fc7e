"""The engine: a content-addressed, deduplicating, encrypted store. Could be lifted out."""

from __future__ import annotations

from webapp.vault.engine import BackupResult
from webapp.vault.errors import (
    BadSource,
    Busy,
    Damaged,
    Halted,
    KeysDestroyed,
    LastKey,
    NewerFormat,
    NotAVault,
    ObjectExists,
    ObjectMissing,
    Outrun,
    SelfTestFailed,
    SlotMissing,
    SnapshotMissing,
    SnapshotRevoked,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    VaultError,
    VaultExists,
    WrongKey,
)
from webapp.vault.keys import ConsoleKey, KeySlot, Passphrase, Wrapping
from webapp.vault.reports import CountedReport
from webapp.vault.snapshots import Snapshot
from webapp.vault.storage.base import Storage
from webapp.vault.storage.local import LocalStorage
from webapp.vault.vault import Vault

__all__ = [
    "BackupResult",
    "BadSource",
    "Busy",
    "ConsoleKey",
    "CountedReport",
    "Damaged",
    "Halted",
    "KeySlot",
    "KeysDestroyed",
    "LastKey",
    "LocalStorage",
    "NewerFormat",
    "NotAVault",
    "ObjectExists",
    "ObjectMissing",
    "Outrun",
    "Passphrase",
    "SelfTestFailed",
    "SlotMissing",
    "Snapshot",
    "SnapshotMissing",
    "SnapshotRevoked",
    "Storage",
    "StorageDenied",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "Vault",
    "VaultError",
    "VaultExists",
    "Wrapping",
    "WrongKey",
]
