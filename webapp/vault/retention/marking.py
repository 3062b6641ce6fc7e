"""Tags, pins and holds: said of a snapshot after it was made."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.vault.engine import Engine
from webapp.vault.errors import SnapshotMissing
from webapp.vault.retention.labels import Labels
from webapp.vault.retention.ledger import FORGOTTEN, LABELS, Entry, What
from webapp.vault.revoking import settle


def tag(engine: Engine, snapshot_id: str, tags: Sequence[str], *, remove: bool = False) -> None:
    """Give a snapshot tags, or take them away; a tag that it came with stays."""
    if remove:
        _undo(engine, snapshot_id, What.TAG, texts=tags)
    else:
        _add(engine, [Entry(what=What.TAG, snapshot=snapshot_id, text=one) for one in tags])


def pin(engine: Engine, snapshot_id: str, *, remove: bool = False) -> None:
    """Keep a snapshot whatever the rules say, or no more."""
    if remove:
        _undo(engine, snapshot_id, What.PIN)
    else:
        _add(engine, [Entry(what=What.PIN, snapshot=snapshot_id)])


def hold(engine: Engine, snapshot_id: str, *, reason: str, until_ns: int = 0) -> None:
    """Keep a snapshot for a reason, until a moment by the storage's clock or for ever."""
    _add(engine, [Entry(what=What.HOLD, snapshot=snapshot_id, text=reason, until_ns=until_ns)])


def release(engine: Engine, snapshot_id: str) -> None:
    """End all holds of a snapshot."""
    _undo(engine, snapshot_id, What.HOLD)


def _add(engine: Engine, entries: list[Entry]) -> None:
    if not entries:
        return
    snapshot_id = entries[0].snapshot
    engine.roots.one(snapshot_id)
    engine.roots.ledger.add(entries, new_id=engine.new_id, salt=engine.salt)
    # Written; now read: a prune that is about to remove it reads after it has said so, too.
    if entries[0].what is not What.TAG:  # tags keep nothing that is forgotten
        settle(engine)
    if Labels.of(engine.roots.ledger.entries(FORGOTTEN))[snapshot_id].drops:
        raise SnapshotMissing(f"Snapshot {snapshot_id} is being removed for good.")


def _undo(
    engine: Engine, snapshot_id: str, what: What, *, texts: Sequence[str] | None = None
) -> None:
    ids = [
        one.id
        for one in engine.roots.ledger.entries(LABELS)
        if one.snapshot == snapshot_id and one.what is what and (texts is None or one.text in texts)
    ]
    if ids:
        entry = Entry(what=What.UNDO, snapshot=snapshot_id, undoes=tuple(ids))
        engine.roots.ledger.add([entry], new_id=engine.new_id, salt=engine.salt)
