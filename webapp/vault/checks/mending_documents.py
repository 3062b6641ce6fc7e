"""Mends what is stored twice, by the copy that is sound; and drops hints that cannot be read."""

from __future__ import annotations

from contextlib import suppress

from webapp.vault import config, documents, keys, removing
from webapp.vault.checks.repairs import Repairs
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectExists, ObjectMissing
from webapp.vault.transfer.key_changes import changing


def mend_documents(engine: Engine, repairs: Repairs) -> None:
    """Write config and key slots again where one of two copies is missing, damaged or old.

    Raises:
        Busy: somebody is changing the keys.
    """
    if repairs.is_dry:
        _mend_pairs(engine, repairs)
        return
    with changing(engine, "repair"):
        _mend_pairs(engine, repairs)


def _mend_pairs(engine: Engine, repairs: Repairs) -> None:
    slots = [keys.slot_names(one) for one in keys.slot_ids(engine.storage)]
    for names in (config.NAMES, *slots):
        _mend_pair(engine, names, repairs)


def _mend_pair(engine: Engine, names: tuple[str, str], repairs: Repairs) -> None:
    found = {name: _sound(engine, name) for name in names}
    sound = {name: pair for name, pair in found.items() if pair is not None}
    if not sound:
        return  # lost: verify names both
    best = max(sound, key=lambda name: documents.revision(sound[name][1]))
    revision = documents.revision(sound[best][1])
    for name in names:
        pair = found[name]
        if pair is not None and (
            pair[0] == sound[best][0] or documents.revision(pair[1]) == revision
        ):
            continue  # the same, or sound and nobody can say which of the two is right
        repairs.did(name, f"written again from {best}")
        if not repairs.is_dry:
            _replace(engine, name, sound[best][0])


def _sound(engine: Engine, name: str) -> tuple[bytes, documents.Document] | None:
    try:
        data = documents.fetch(engine.storage, name)
        document = documents.decode(name, data)
        if name in config.NAMES:
            config.authenticate(document, engine.ring)
        elif document.get("id") != name.partition("/")[2]:
            return None
    except (Damaged, ObjectMissing):
        return None
    return data, document


def _replace(engine: Engine, name: str, data: bytes) -> None:
    """Put *data* in the place of a bad copy; the good one is there all the while."""
    with suppress(ObjectMissing):
        removing.remove(engine.storage, name)
    with suppress(ObjectExists):
        engine.storage.put(name, data)
