"""Finding entries of a restore point one after the other."""

from __future__ import annotations

from webapp.items import StoredEntry, sort_key
from webapp.vault import Snapshot, Vault


class StoredEntries:
    """Finds stored entries; cheap when asked in the order of the snapshot."""

    def __init__(self, vault: Vault, snapshot: Snapshot) -> None:
        self._vault, self._snapshot = vault, snapshot
        self._stream = vault.entries(snapshot)
        self._current = next(self._stream, None)
        self._asked = b""

    def find(self, path: bytes) -> StoredEntry | None:
        key = sort_key(path)
        if key < self._asked:
            return self._vault.find(self._snapshot, path)
        self._asked = key
        while self._current is not None and sort_key(self._current.path) < key:
            self._current = next(self._stream, None)
        found = self._current
        return found if found is not None and found.path == path else None
