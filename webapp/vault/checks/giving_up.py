"""Removes objects that nobody can read and that stop a prune: the last way out, and only on demand.

What stood in them is lost already. While they are there, nobody knows what they need or forbid, so
nothing may be removed. Who gives one up says that no sound copy will come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from webapp.vault import boxes, catalogues, removing
from webapp.vault.checks.findings import DAMAGED
from webapp.vault.checks.repairs import Repairs
from webapp.vault.engine import Engine
from webapp.vault.errors import Halted, ObjectExists, ObjectMissing
from webapp.vault.pruning import alone
from webapp.vault.retention.ledger import FORGOTTEN, LABELS, Entry, What
from webapp.vault.snapshots import FINISHED, PENDING
from webapp.vault.transfer import key_changes

_LOSES = {
    FINISHED: "given up; that snapshot is lost",
    PENDING: "given up; what that backup had stored is lost",
    catalogues.CONDEMNED: "given up; what it condemned counts again",
    catalogues.REVOKED: "given up",
    FORGOTTEN: "given up; what it said was forgotten is in sight again",
    LABELS: "given up; tags, pins and holds that it gave are lost",
    alone.FOLDER: "given up; a prune that is at work is not seen by others",
    key_changes.FOLDER: "given up; look at the list of keys",
}


def can_be_given_up(error: dict[str, object]) -> bool:
    """Whether this error of a check is about an object that may be given up."""
    return error["kind"] == DAMAGED and _folder(str(error["object"])) in _LOSES


def give_up(
    engine: Engine, names: Sequence[str], errors: Iterable[dict[str, object]], repairs: Repairs
) -> None:
    """Remove these objects.

    Args:
        errors: what a check has just found.

    Raises:
        Halted: one of them can be read, or must not be given up; then none is.
        NewerFormat: a later release uses the vault.
    """
    known = {str(one["object"]) for one in errors if can_be_given_up(one)}
    for name in names:
        if name not in known:
            raise Halted(
                f"Nothing was given up: {name} is not a damaged object that stands alone. "
                "Run verify, and name objects as it does."
            )
    for name in dict.fromkeys(names):
        repairs.did(name, _LOSES[_folder(name)])
        if not repairs.is_dry:
            _remove(engine, name)


def _remove(engine: Engine, name: str) -> None:
    identity = name.partition("/")[2]
    if _folder(name) == FINISHED:
        _say_forgotten(engine, identity)
    if _folder(name) == PENDING:
        _revoke(engine, identity)
    with suppress(ObjectMissing):
        removing.remove(engine.storage, name)


def _say_forgotten(engine: Engine, identity: str) -> None:
    """So that a check does not miss it later."""
    said = [Entry(what=what, snapshot=identity) for what in (What.FORGET, What.DROP)]
    engine.roots.ledger.add(said, new_id=engine.new_id, salt=engine.salt)


def _revoke(engine: Engine, identity: str) -> None:
    """Its writer may be alive: it must not finish, since nothing protects what it needs."""
    name, kind = catalogues.REVOKED + identity, catalogues.REVOKED_KIND
    with suppress(ObjectExists):
        sealed = boxes.seal(engine.ring, kind, name, parts=(b"{}",), salt=engine.salt())
        engine.storage.put(name, sealed)


def _folder(name: str) -> str:
    return name.partition("/")[0] + "/"
