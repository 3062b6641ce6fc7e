"""``writing/ID``: packs that a backup has stored and that no root needs yet, since it goes on.

A prune spares them until the backup has not been heard of for long. That saves work and keeps
nothing safe: the writer looks at every pack again before it finishes. So no clock has to be right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from webapp.vault import boxes
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing

FOLDER, KIND = "writing/", b"W"
_SAID = struct.Struct("<16sQ")


class Announcement(NamedTuple):
    """One object below ``writing/``.

    Attributes:
        run: which backup said so; 16 bytes, the same in all that it says.
        at_ns: when, by the storage's clock.
    """

    name: str
    packs: frozenset[str]
    run: bytes
    at_ns: int


def announce(engine: Engine, packs: Iterable[str], *, run: bytes) -> str:
    """Say that a backup that goes on needs these packs; return the object's name."""
    name = FOLDER + engine.new_id().hex()
    body = b"".join(bytes.fromhex(one) for one in sorted(packs))
    parts = (body, _SAID.pack(run, engine.storage.now_ns()))
    engine.storage.put(name, boxes.seal(engine.ring, KIND, name, parts=parts, salt=engine.salt()))
    return name


def announced(engine: Engine) -> list[Announcement]:
    """All that was said. What cannot be read is left out: these are hints."""
    found = []
    for item in list(engine.storage.list(FOLDER)):
        try:
            parts = boxes.load(engine.storage, engine.ring, KIND, item.name)
            found.append(unpack(item.name, parts))
        except (Damaged, ObjectMissing):
            continue
    return found


def unpack(name: str, parts: list[bytes]) -> Announcement:
    """The content of one object below ``writing/``."""
    if len(parts) != 2 or len(parts[0]) % 32 or len(parts[1]) != _SAID.size:
        raise Damaged(name, "its list of packs is malformed")
    packs = frozenset(parts[0][at : at + 32].hex() for at in range(0, len(parts[0]), 32))
    return Announcement(name, packs, *_SAID.unpack(parts[1]))
