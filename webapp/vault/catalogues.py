"""Index objects: the catalogues of many packs in one sealed object. Hints, to spare reading every
pack's trailer; what they lack is read from the trailers, and what is wrong with them is no loss.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from webapp.vault import boxes
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.packs import PackInfo
from webapp.vault.storage.base import Storage

if TYPE_CHECKING:
    from webapp.vault.engine import Engine

FOLDER = "index/"
KIND = b"I"
CONDEMNED, CONDEMNED_KIND = "condemned/", b"C"
REVOKED, REVOKED_KIND = "revoked/", b"R"
_PACK = struct.Struct("<32s32sc3xII")
_COUNT = struct.Struct("<I")
_MOMENT = struct.Struct("<Q")


def pack_infos(infos: Iterable[PackInfo]) -> bytes:
    """Their number (4), then for each ``name (32) | salt (32) | kind (1) | zeros (3) | size (4) |
    length of the catalogue (4) | catalogue``."""
    packed = []
    for info in infos:
        head = _PACK.pack(
            bytes.fromhex(info.name), info.salt, info.kind, info.size_bytes, len(info.catalogue)
        )
        packed += [head, info.catalogue]
    return _COUNT.pack(len(packed) // 2) + b"".join(packed)


def unpack_infos(data: bytes, *, where: str) -> Iterator[PackInfo]:
    try:
        (count,) = _COUNT.unpack_from(data)
        at = _COUNT.size
        for _ in range(count):
            name, salt, kind, size_bytes, length = _PACK.unpack_from(data, at)
            at += _PACK.size
            catalogue = data[at : at + length]
            at += length
            yield PackInfo(
                name=name.hex(), salt=salt, kind=kind, size_bytes=size_bytes, catalogue=catalogue
            )
    except struct.error:
        raise Damaged(where, "its list of packs is malformed") from None
    if at != len(data):
        raise Damaged(where, "its list of packs does not add up")


def write(
    storage: Storage, ring: KeyRing, infos: list[PackInfo], *, identity: bytes, salt: bytes
) -> tuple[str, int]:
    """Store an index object; return its name and its length."""
    name = FOLDER + identity.hex()
    data = boxes.seal(ring, KIND, name, parts=(pack_infos(infos),), salt=salt)
    storage.put(name, data)
    return name, len(data)


def read(storage: Storage, ring: KeyRing, name: str) -> list[PackInfo]:
    parts = boxes.load(storage, ring, KIND, name)
    return list(unpack_infos(parts[0], where=name))


class Condemnation(NamedTuple):
    """One object below ``condemned/``.

    Attributes:
        packs: names of the packs that will be deleted.
        at_ns: when, by the storage's clock; 0 if it does not say.
    """

    name: str
    packs: frozenset[str]
    at_ns: int


def condemn(engine: Engine, packs: Iterable[str], *, at_ns: int) -> str:
    """Say that nobody may rely on these packs any more; return the object's name."""
    name = CONDEMNED + engine.new_id().hex()
    body = b"".join(bytes.fromhex(one) for one in sorted(packs))
    parts = (body, _MOMENT.pack(at_ns))
    sealed = boxes.seal(engine.ring, CONDEMNED_KIND, name, parts=parts, salt=engine.salt())
    engine.storage.put(name, sealed)
    return name


def condemnations(storage: Storage, ring: KeyRing) -> list[Condemnation]:
    """All that is condemned.

    Raises:
        Damaged: a list cannot be read; then nobody knows, and a writer must not go on.
    """
    found = []
    for item in list(storage.list(CONDEMNED)):
        try:
            parts = boxes.load(storage, ring, CONDEMNED_KIND, item.name)
        except ObjectMissing:
            continue  # removed since it was listed: all of its packs had been deleted before
        found.append(unpack_condemned(item.name, parts))
    return found


def unpack_condemned(name: str, parts: list[bytes]) -> Condemnation:
    """The content of one object below ``condemned/``."""
    body, *rest = parts
    if len(body) % 32 or len(rest) > 1 or (rest and len(rest[0]) != _MOMENT.size):
        raise Damaged(name, "its list of packs is malformed")
    packs = frozenset(body[at : at + 32].hex() for at in range(0, len(body), 32))
    return Condemnation(name, packs, _MOMENT.unpack(rest[0])[0] if rest else 0)


def condemned(storage: Storage, ring: KeyRing) -> set[str]:
    """Names of the packs that a prune has condemned; raises as ``condemnations``."""
    return {pack for one in condemnations(storage, ring) for pack in one.packs}
