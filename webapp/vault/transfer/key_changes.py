"""One change of a vault's keys at a time, without locks: who changes them says so first, in
``key-changes/ID``, and then looks whether somebody else has said so too. If so, both withdraw.

The marker of a process that died, or could not remove all of a slot, says what it was about; the
next change brings that to its end. Who fails says so in a second marker, ``over``, so that nobody
has to wait.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from blake3 import blake3

from webapp.vault import documents, keys, processes, removing, twins
from webapp.vault.engine import Engine
from webapp.vault.errors import Busy, Damaged, KeysDestroyed, ObjectMissing, VaultError
from webapp.vault.snapshots import moment
from webapp.vault.storage.base import Storage

FOLDER = "key-changes/"
_STALE_NS = 900_000_000_000
DESTROY = "destroy"
_given_up: set[str] = set()  # markers of this process whose change ended half-way


@contextmanager
def changing(engine: Engine, action: str, *, adds: str = "", removes: str = "") -> Iterator[None]:
    """Keep others from changing the keys during the block; then remove a slot.

    Args:
        adds, removes: ids of slots. If we die, or fail while we remove the one, the next change
            removes it, provided that the other, if any, is there.

    Raises:
        Busy: somebody else is at it.
        KeysDestroyed: there is nothing left to change.
    """
    _settle_others(engine)
    mine = FOLDER + engine.new_id().hex()
    marker = _marker(engine, action, adds, removes)
    engine.storage.put(mine, documents.encode(marker))
    is_kept = False
    try:
        _require_alone(engine, mine)
        is_kept = action == DESTROY
        yield
        if removes:
            is_kept = True  # half a slot still opens the vault, and a repair would make it whole
            _remove(engine, removes, mine, marker)
            is_kept = False
    finally:
        if not is_kept:
            with suppress(VaultError):
                removing.remove(engine.storage, mine)


def check_destroyed(storage: Storage) -> None:
    """Raises ``KeysDestroyed`` if somebody destroyed the keys, or began to."""
    for name, marker in _markers(storage):
        if marker.get("action") == DESTROY:
            at = moment(int(marker.get("started_ns", 0)))
            raise KeysDestroyed(
                f"The keys of this vault were destroyed on {at:%Y-%m-%d} ({name}). "
                "Nobody can read it any more."
            )


def usable_slots(storage: Storage, vault_id: bytes) -> list[str]:
    """Ids of the slots that are sound and this vault's."""
    found = []
    for slot_id in keys.slot_ids(storage):
        with suppress(Damaged, ObjectMissing):
            slot = documents.read_either(storage, keys.slot_names(slot_id))
            if slot.get("vault_id") == vault_id.hex():
                found.append(slot_id)
    return found


def delete_slot(storage: Storage, slot_id: str) -> None:
    """Remove both copies; safe to repeat."""
    for name in reversed(keys.slot_names(slot_id)):
        with suppress(ObjectMissing):
            removing.remove(storage, name)


def _remove(engine: Engine, slot_id: str, mine: str, marker: documents.Document) -> None:
    try:
        delete_slot(engine.storage, slot_id)
    except BaseException as error:
        _given_up.add(mine)
        if isinstance(error, VaultError):
            _give_up(engine, mine, marker)
        raise


def _give_up(engine: Engine, mine: str, marker: documents.Document) -> None:
    """Say that we are no more at what our *marker* says, so that anybody may finish it now."""
    over: documents.Document = {**marker, "over": True}
    over["mac"] = _mac(engine, over)
    with suppress(VaultError):  # then others wait until it is old
        engine.storage.put(FOLDER + engine.new_id().hex(), documents.encode(over))
        removing.remove(engine.storage, mine)


def _settle_others(engine: Engine) -> None:
    """Bring to its end what dead processes were about.

    Raises:
        Busy: somebody is at it now.
    """
    check_destroyed(engine.storage)
    for name, marker in _markers(engine.storage):
        authenticate(engine, name, marker)
        is_over = name in _given_up or marker.get("over") is True
        if not is_over and not _is_dead(engine, marker):
            raise _busy(marker)
        _complete(engine, marker)
        with suppress(ObjectMissing):
            removing.remove(engine.storage, name)


def _require_alone(engine: Engine, mine: str) -> None:
    for name, marker in _markers(engine.storage):
        if name != mine:
            raise _busy(marker)


def _complete(engine: Engine, marker: documents.Document) -> None:
    """Finish what a dead process was about."""
    added, removed = str(marker["adds"]), str(marker["removes"])
    left = [one for one in usable_slots(engine.storage, engine.ring.vault_id) if one != removed]
    if added in left:
        twins.complete(engine.storage)
    if removed and left and (not added or added in left):
        delete_slot(engine.storage, removed)


def _is_dead(engine: Engine, marker: documents.Document) -> bool:
    age_ns = engine.storage.now_ns() - int(marker["started_ns"])
    return processes.is_dead(marker["writer"]) or age_ns > _STALE_NS


def _busy(marker: documents.Document) -> Busy:
    who = marker.get("writer", {}).get("host", "another host")
    return Busy(
        f"Another process ({who}) is changing this vault's keys. Try again; if it died there, "
        "its change no longer counts after a quarter of an hour."
    )


def _marker(engine: Engine, action: str, adds: str, removes: str) -> documents.Document:
    marker: documents.Document = {
        "what": "lastgood key change",
        "format": 1,
        "action": action,
        "adds": adds,
        "removes": removes,
        "started_ns": engine.storage.now_ns(),
        "writer": processes.identity(),
    }
    marker["mac"] = _mac(engine, marker)
    return marker


def _markers(storage: Storage) -> list[tuple[str, documents.Document]]:
    found = []
    for item in list(storage.list(FOLDER)):
        with suppress(ObjectMissing):
            found.append((item.name, documents.load(storage, item.name)))
    return found


def authenticate(engine: Engine, name: str, marker: documents.Document) -> None:
    """Raises ``Damaged`` if a marker was not written by a holder of the key."""
    if not hmac.compare_digest(str(marker.get("mac", "")).encode(), _mac(engine, marker).encode()):
        raise Damaged(name, "it was not written by a holder of this vault's key. Remove it")


def _mac(engine: Engine, marker: documents.Document) -> str:
    body = documents.canonical({key: value for key, value in marker.items() if key != "mac"})
    return blake3(body, key=engine.ring.config).hexdigest()
