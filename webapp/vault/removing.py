"""The one way in which the engine removes an object."""

from __future__ import annotations

from webapp.vault import config
from webapp.vault.storage.base import Storage


def remove(storage: Storage, name: str, *, by: Storage | None = None) -> None:
    """Delete an object, if this release still may: what uses the vault is read again each time.

    Args:
        by: the same place, with credentials that may delete.

    Raises:
        NewerFormat: a later release uses the vault meanwhile; its data is not ours to judge.
        Damaged: nobody can read what uses it.
        ObjectMissing, StorageDenied, StorageLocked: as ``Storage.delete``.
    """
    config.read(storage)
    (by or storage).delete(name)
