"""Reading a snapshot back, to compare."""

from __future__ import annotations

from webapp.items import EntryKind
from webapp.vault import Vault


def contents(vault: Vault, snapshot) -> dict[bytes, bytes]:
    """Path to content of every file of a snapshot."""
    found = {}
    for entry in vault.entries(snapshot):
        if entry.kind is EntryKind.FILE:
            with vault.open_content(entry) as file:
                found[entry.path] = file.read()
    return found
