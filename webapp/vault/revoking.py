"""A writer is taken for dead: ``revoked/ID`` first, then a look at what is finished.

Nobody can be sure that a writer is dead. A machine may be a copy of another, with its name, its ids
and even its processes; a host that was silent for a month may wake up. So what a writer announced
is never just removed. If it lives, it finds ``revoked/ID`` before it has finished, and fails.
"""

from __future__ import annotations

from contextlib import suppress

from webapp.vault import boxes, catalogues
from webapp.vault.engine import Engine
from webapp.vault.errors import ObjectExists
from webapp.vault.snapshots import FINISHED


def revoke(engine: Engine, snapshot_id: str) -> bool:
    """Revoke what its writer has announced; say whether ``pending/ID`` may go.

    It may not where the snapshot is there by now: a prune finds out whether that is whole.
    """
    name = catalogues.REVOKED + snapshot_id
    kind, salt = catalogues.REVOKED_KIND, engine.salt()
    with suppress(ObjectExists):
        sealed = boxes.seal(engine.ring, kind, name, parts=(b"{}",), salt=salt)
        engine.storage.put(name, sealed)
    settle(engine)
    return not is_finished(engine, snapshot_id)


def is_finished(engine: Engine, snapshot_id: str) -> bool:
    name = FINISHED + snapshot_id
    return any(item.name == name for item in engine.storage.list(name))


def settle(engine: Engine) -> None:
    """Wait until lists show what we put, and what others put before it."""
    seconds = engine.storage.settle_seconds
    if seconds:
        engine.hooks.sleep(seconds)
