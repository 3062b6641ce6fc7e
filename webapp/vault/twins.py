"""What is stored twice: a vault's config and its key slots."""

from __future__ import annotations

from contextlib import suppress

from webapp.vault import documents
from webapp.vault.config import NAMES
from webapp.vault.errors import ObjectExists, ObjectMissing
from webapp.vault.storage.base import Storage


def complete(storage: Storage) -> list[str]:
    """Write the missing one of two copies from the other; return what was missing.

    A vault whose making was cut short opens by one copy, but should have both. What is there is
    never touched, and a copy that is damaged is left for ``verify`` to name.
    """
    return [name for pair in _pairs(storage) if (name := _complete(storage, pair))]


def _pairs(storage: Storage) -> list[tuple[str, str]]:
    slots = {found.name.partition("/")[2] for found in storage.list("keys")}
    return [*((f"keys/{slot}", f"keys-copy/{slot}") for slot in sorted(slots)), NAMES]


def _complete(storage: Storage, pair: tuple[str, str]) -> str:
    data: dict[str, bytes] = {}
    for name in pair:
        with suppress(ObjectMissing):
            data[name] = documents.fetch(storage, name)
    if len(data) != 1:
        return ""
    ((there, content),) = data.items()
    documents.decode(there, content)  # half a document is not worth a copy
    missing = pair[1] if there == pair[0] else pair[0]
    with suppress(ObjectExists):
        storage.put(missing, content)
    return missing
