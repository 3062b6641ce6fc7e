"""Sealed objects that are not packs: index objects, roots, condemned lists. Bound to their name."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.vault import frames
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged
from webapp.vault.sealing import (
    HEAD_BYTES,
    LAST,
    OVERHEAD_BYTES,
    PRELUDE_BYTES,
    Head,
    ObjectKey,
    read_prelude,
)

GRAIN_BYTES = 4096


def seal(ring: KeyRing, kind: bytes, name: str, *, parts: Sequence[bytes], salt: bytes) -> bytes:
    """One object of as many records as there are *parts*; the last is marked, and padded so that
    the object's length is a multiple of 4 KiB."""
    key = ObjectKey(ring, kind, salt, name=name)
    sealed, size = [key.prelude], len(key.prelude)
    for counter, raw in enumerate(parts):
        codec, frame = frames.encode(raw)
        size += OVERHEAD_BYTES + len(frame)
        head = Head(codec, 0, len(raw), len(frame))
        if counter == len(parts) - 1:
            head = head._replace(flags=LAST, padding=-size % GRAIN_BYTES)
        sealed += key.seal(counter, head, frame)
    return b"".join(sealed)


def unseal(ring: KeyRing, kind: bytes, name: str, data: bytes) -> list[bytes]:
    """The parts of an object that ``seal`` made.

    Raises:
        Damaged: a byte differs, or a part is missing or too many, or it lies under another name.
    """
    key = read_prelude(ring, data, kind=kind, name=name, bind=True)
    view, at = memoryview(data), PRELUDE_BYTES
    parts: list[bytes] = []
    while True:
        head, frame = key.open(len(parts), view[at:])
        parts.append(frames.decode(head, frame, where=name))
        at += HEAD_BYTES + head.body_bytes
        if head.flags & LAST:
            break
    if at != len(data):
        raise Damaged(name, "there are bytes behind its end")
    return parts


def unseal_first(ring: KeyRing, kind: bytes, name: str, data: bytes) -> bytes:
    """The first part, from an object's first bytes; ``data`` may be cut anywhere behind it."""
    key = read_prelude(ring, data, kind=kind, name=name, bind=True)
    head, frame = key.open(0, data[PRELUDE_BYTES:])
    return frames.decode(head, frame, where=name)
