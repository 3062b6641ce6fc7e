"""What is in a pack whose trailer is lost: its segments follow each other and tell it all."""

from __future__ import annotations

from webapp.vault import frames
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged
from webapp.vault.ids import chunk_id
from webapp.vault.packs import DATA, FOLDER, PackInfo, Place, build_catalogue, split_segment
from webapp.vault.sealing import HEAD_BYTES, PRELUDE_BYTES, Head, ObjectKey, read_prelude


def rebuild(ring: KeyRing, name: str, data: bytes) -> PackInfo:
    """Make a pack's catalogue again from all of its bytes, as far as its segments are sound.

    Raises:
        Damaged: its prelude is damaged, or no segment at all can be found.
    """
    path, kind = FOLDER + name, data[4:5]
    key = read_prelude(ring, data, kind=kind, name=path, bind=False)
    id_key = ring.data_ids if kind == DATA else ring.manifest_ids
    places: list[Place] = []
    ids: list[bytes] = []
    at = PRELUDE_BYTES
    while (head := _head_at(key, len(places), data, at)) is not None:
        found = _ids_of(key, len(places), data[at:], id_key)
        length = HEAD_BYTES + head.body_bytes
        places.append(Place(at, length, head.raw_length, len(found)))
        ids += found
        at += length
    if not ids:
        raise Damaged(path, "none of its segments can be found")
    catalogue = build_catalogue(places, ids)
    return PackInfo(name=name, salt=key.salt, kind=kind, size_bytes=len(data), catalogue=catalogue)


def _head_at(key: ObjectKey, counter: int, data: bytes, at: int) -> Head | None:
    try:
        return key.open_head(counter, data[at : at + HEAD_BYTES])
    except Damaged:
        return None  # the end of the segments, or of what can be found


def _ids_of(key: ObjectKey, counter: int, data: bytes, id_key: bytes) -> list[bytes]:
    """Ids of a segment's chunks; none if its body is damaged, for the next may be sound."""
    try:
        head, frame = key.open(counter, data)
        chunks = split_segment(frames.decode(head, frame, where=""), where="")
    except Damaged:
        return []
    return [chunk_id(id_key, chunk) for chunk in chunks]
