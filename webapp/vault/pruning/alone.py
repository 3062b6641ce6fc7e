"""One prune at a time, where lists show changes late: ``pruning/ID``.

Elsewhere any number may prune at once. There, who prunes says so, waits until everybody can see it,
and looks whether somebody else has said so, too. If so, he withdraws; of two at once both do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from webapp.items import Json
from webapp.vault import boxes, processes
from webapp.vault.errors import Busy, Damaged, Halted, ObjectMissing, VaultError
from webapp.vault.pruning.findings import DAY_NS
from webapp.vault.pruning.ground import Ground

FOLDER, KIND = "pruning/", b"P"
_ended: set[str] = set()  # what prunes of this process said that have ended, removed or not


@contextmanager
def alone(ground: Ground) -> Iterator[None]:
    """Keep other prunes out during the block, where that is needed.

    Raises:
        Busy: another one is at it.
    """
    if not ground.engine.storage.settle_seconds or ground.order.dry_run:
        yield
        return
    mine = FOLDER + ground.engine.new_id().hex()
    try:
        _say(ground, mine)
        ground.settle()
        _require_alone(ground, mine)
        yield
    finally:
        _ended.add(mine)
        with suppress(VaultError):
            ground.delete(mine)


def _say(ground: Ground, name: str) -> None:
    engine = ground.engine
    said = {**processes.identity(), "at_ns": engine.storage.now_ns()}
    body = json.dumps(said, sort_keys=True).encode()
    engine.storage.put(name, boxes.seal(engine.ring, KIND, name, parts=(body,), salt=engine.salt()))


def _require_alone(ground: Ground, mine: str) -> None:
    for item in list(ground.engine.storage.list(FOLDER)):
        if item.name == mine:
            continue
        if item.name in _ended:
            ground.delete(item.name)
            continue
        who = _read(ground, item.name)
        if who is None:
            continue
        if _is_over(ground, who):
            ground.delete(item.name)
            continue
        raise Busy(
            f"Another prune is at work ({who.get('host', 'another host')}), and this place shows "
            "changes late, so only one may run at a time. Try again when it has ended; if it died "
            "there, it no longer counts after a day."
        )


def _read(ground: Ground, name: str) -> Json | None:
    """What a prune said of itself; None if it has ended."""
    engine = ground.engine
    try:
        return unpack(name, boxes.load(engine.storage, engine.ring, KIND, name))
    except ObjectMissing:
        return None
    except Damaged as error:
        raise Halted(
            f"Prune stopped: {error}, so nobody knows whether another prune is at work. If there "
            f"is none, give that object up: lastgood vault repair VAULT --give-up {name}"
        ) from error


def unpack(name: str, parts: list[bytes]) -> Json:
    """The content of one object below ``pruning/``."""
    try:
        found = json.loads(parts[0])
    except (ValueError, RecursionError):
        found = None
    if len(parts) != 1 or not isinstance(found, dict) or not isinstance(found.get("at_ns"), int):
        raise Damaged(name, "what it says of a prune is malformed")
    return found


def _is_over(ground: Ground, who: Json) -> bool:
    age_ns = ground.engine.storage.now_ns() - int(str(who["at_ns"]))
    return processes.is_dead(who) or abs(age_ns) > DAY_NS
