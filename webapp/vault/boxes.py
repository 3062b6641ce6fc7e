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
from webapp.vault.storage.base import Storage

GRAIN_BYTES = 4096
_FIRST_READ_BYTES = 1 << 20


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


def fetch(storage: Storage, ring: KeyRing, kind: bytes, name: str) -> bytes:
    """The bytes of an object: as many as its sealed heads say and one more, so that ``unseal`` sees
    what was added. However large what lies there is, no more is read.

    Raises:
        Damaged: a head is.
    """
    data = storage.get(name, length=_FIRST_READ_BYTES)
    if len(data) < _FIRST_READ_BYTES:
        return data
    key = read_prelude(ring, data, kind=kind, name=name, bind=True)
    at, counter, is_last = PRELUDE_BYTES, 0, False
    while not is_last:
        data = _to(storage, name, data, at + HEAD_BYTES)
        head = key.open_head(counter, data[at : at + HEAD_BYTES])
        at, counter, is_last = (
            at + HEAD_BYTES + head.body_bytes,
            counter + 1,
            bool(head.flags & LAST),
        )
    return _to(storage, name, data, at + 1)


def load(storage: Storage, ring: KeyRing, kind: bytes, name: str) -> list[bytes]:
    """The parts of a stored object; errors as ``fetch`` and ``unseal``."""
    return unseal(ring, kind, name, fetch(storage, ring, kind, name))


def _to(storage: Storage, name: str, data: bytes, end: int) -> bytes:
    """The object to *end*, of which *data* was read."""
    if end <= len(data):
        return data
    return data + storage.get(name, offset=len(data), length=end - len(data))


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
