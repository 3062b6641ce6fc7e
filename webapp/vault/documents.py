"""The vault's small readable files, ``config`` and the key slots: JSON, checksummed, kept twice.

A document is one line of JSON (keys sorted, no spaces) and one line with its BLAKE3 in hex. The
checksum is no secret: it tells damage from a wrong key before any key is known.
"""

from __future__ import annotations

import json
from typing import Any

from blake3 import blake3

from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.storage.base import Storage

Document = dict[str, Any]
_LARGEST_BYTES = 1 << 20


def canonical(document: Document) -> bytes:
    """One line of JSON, the same for equal documents."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def encode(document: Document) -> bytes:
    body = canonical(document)
    return body + b"\n" + blake3(body).hexdigest().encode() + b"\n"


def decode(name: str, data: bytes) -> Document:
    """Read a document back.

    Raises:
        Damaged: its checksum or its form is wrong.
    """
    body, _, rest = data.partition(b"\n")
    if rest != blake3(body).hexdigest().encode() + b"\n":
        raise Damaged(name, "its checksum does not match")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Damaged(name, "it is not a document")
    return document


def load(storage: Storage, name: str) -> Document:
    """A stored document; errors as ``decode``."""
    return decode(name, fetch(storage, name))


def fetch(storage: Storage, name: str) -> bytes:
    """The bytes of a document; of what is too large to be one, only the first."""
    return storage.get(name, length=_LARGEST_BYTES)


def read_either(storage: Storage, names: tuple[str, str]) -> Document:
    """The sound one of a document's two copies; of two, the one of the higher revision.

    Raises:
        ObjectMissing: neither exists.
        Damaged: there is one, but none is sound.
    """
    problem: Damaged | None = None
    found: list[Document] = []
    for name in names:
        try:
            found.append(load(storage, name))
        except ObjectMissing:
            continue
        except Damaged as error:
            problem = problem or error
    if not found:
        raise problem or ObjectMissing(names[0])
    return max(found, key=revision)


def revision(document: Document) -> int:
    """Which of two sound copies counts: the one with the higher number."""
    found = document.get("revision", 0)
    return found if isinstance(found, int) else 0
