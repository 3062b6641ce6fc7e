"""Packs: objects of about 16 MiB that hold segments, each of which holds chunks.

    prelude | segment 0 | segment 1 | … | trailer body | trailer mark and head

A segment is a record whose frame decodes to ``count (4) | count × length (4) | chunks``. The
trailer is a record written backwards, head last, so that it is found from the end; its padding
makes the pack a multiple of 64 KiB. A pack's name is the BLAKE3 of its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from mmap import mmap
from typing import NamedTuple

from blake3 import blake3

from webapp.vault import frames
from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged
from webapp.vault.ids import ID_BYTES
from webapp.vault.sealing import (
    HEAD_BYTES,
    LAST,
    OVERHEAD_BYTES,
    PRELUDE_BYTES,
    RAW,
    TRAILER_COUNTER,
    Buffer,
    Head,
    ObjectKey,
    read_prelude,
)
from webapp.vault.storage.base import Storage

DATA, MANIFEST = b"D", b"M"
FULL_BYTES = 16 << 20
HALF_BYTES = 8 << 20  # where several processes hold packs, theirs are full
MANIFESTS_BYTES = 4 << 20  # one of manifests is full, for there are few
GRAIN_BYTES = 64 << 10
FOLDER = "packs/"
LARGEST_BYTES = 160 << 20  # more than a full pack of the smallest chunks and its catalogue
MOST_CHUNKS = 1 << 20  # in a segment
TOO_LARGE = "it is larger than any pack"
_TAIL_BYTES = 128 << 10
_TRAILER_ROOM_BYTES = 1 << 20
_PLACE = struct.Struct("<IIII")
_COUNT = struct.Struct("<I")


class Place(NamedTuple):
    """Where a segment lies: ``length`` is that of the whole record, the offset is the pack's."""

    offset: int
    length: int
    raw_length: int
    chunk_count: int


@dataclass(frozen=True, kw_only=True)
class PackInfo:
    """What is known of a pack without its data.

    Attributes:
        name: 64 hex digits; the object is ``packs/<name>``.
        catalogue: the trailer's body: where segments lie and which chunks they hold.
    """

    name: str
    salt: bytes
    kind: bytes
    size_bytes: int
    catalogue: bytes = field(repr=False)

    @property
    def object_name(self) -> str:
        return FOLDER + self.name


def new_buffer(full_bytes: int = FULL_BYTES) -> bytearray:
    """Memory for a draft; what is not written to costs nothing."""
    return bytearray(full_bytes + _TRAILER_ROOM_BYTES)


def shared_buffer(full_bytes: int) -> mmap:
    """The same, shared with the processes that this one forks."""
    return mmap(-1, full_bytes + _TRAILER_ROOM_BYTES)


@dataclass(kw_only=True)
class PackDraft:
    """A pack that segments are being sealed into. Its caller holds a lock around ``reserve``.

    Attributes:
        full_bytes: it is full with this much, trailer apart.
        buffer: memory, perhaps of an earlier draft.
        filled: how many segments are in their places.
    """

    ring: KeyRing
    kind: bytes
    salt: bytes
    closed: bool = False
    used: int = PRELUDE_BYTES
    places: list[Place] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    filled: int = 0
    full_bytes: int = FULL_BYTES
    buffer: bytearray | mmap = field(default_factory=new_buffer)

    def __post_init__(self) -> None:
        self.key = ObjectKey(self.ring, self.kind, self.salt)
        self.buffer[:PRELUDE_BYTES] = self.key.prelude

    def has_room(self, frame_length: int) -> bool:
        return not self.places or self.used + frame_length + OVERHEAD_BYTES <= self.full_bytes

    def reserve(self, head: Head, ids: Sequence[bytes]) -> tuple[int, memoryview]:
        """Give the next segment its place; return its counter, and where it is to be sealed."""
        at, length = self.used, HEAD_BYTES + head.body_bytes
        self.places.append(Place(at, length, head.raw_length, len(ids)))
        self.ids.extend(ids)
        self.used += length
        self._make_room(self.used)
        return len(self.places) - 1, memoryview(self.buffer)[at : self.used]

    @property
    def is_complete(self) -> bool:
        return self.closed and self.filled == len(self.places)

    def finish(self) -> tuple[PackInfo, memoryview]:
        """Add the trailer; return what is known of the pack, and its bytes."""
        catalogue = build_catalogue(self.places, self.ids)
        padding = -(self.used + len(catalogue) + OVERHEAD_BYTES) % GRAIN_BYTES
        head = Head(RAW, LAST, len(catalogue), len(catalogue), padding)
        sealed_head, body = self.key.seal(TRAILER_COUNTER, head, catalogue)
        end = self.used + len(body) + len(sealed_head)
        self._make_room(end)
        self.buffer[self.used : end] = body + sealed_head
        data = memoryview(self.buffer)[:end]
        info = PackInfo(
            name=blake3(data).hexdigest(),
            salt=self.salt,
            kind=self.kind,
            size_bytes=len(data),
            catalogue=catalogue,
        )
        return info, data

    def _make_room(self, end: int) -> None:
        """Move to larger memory for a first segment, or a trailer, of unusual size."""
        if end > len(self.buffer):
            larger = bytearray(end)
            larger[: len(self.buffer)] = memoryview(self.buffer)
            self.buffer = larger


def build_segment(chunks: Sequence[Buffer]) -> bytes:
    """The raw form of a segment."""
    lengths = [len(chunk) for chunk in chunks]
    return b"".join([struct.pack(f"<I{len(lengths)}I", len(lengths), *lengths), *chunks])


def split_segment(raw: bytes, *, where: str) -> list[memoryview]:
    """The chunks of a decoded segment.

    Raises:
        Damaged: its lengths do not add up.
    """
    try:
        (count,) = _COUNT.unpack_from(raw)
        lengths = struct.unpack_from(f"<{count}I", raw, _COUNT.size)
    except struct.error:
        raise Damaged(where, "a segment's lengths are missing") from None
    if count > MOST_CHUNKS or 0 in lengths:
        raise Damaged(where, "a segment has too many chunks, or empty ones")
    view, at, chunks = memoryview(raw), _COUNT.size * (count + 1), []
    for length in lengths:
        chunks.append(view[at : at + length])
        at += length
    if at != len(raw):
        raise Damaged(where, "a segment's lengths do not add up")
    return chunks


def build_catalogue(places: Sequence[Place], ids: Sequence[bytes]) -> bytes:
    """The content of a trailer."""
    packed = b"".join(_PLACE.pack(*place) for place in places)
    return _COUNT.pack(len(places)) + packed + b"".join(ids)


def read_catalogue(catalogue: bytes, *, where: str) -> tuple[list[Place], memoryview]:
    """A trailer's body: the segments' places, and all chunk ids in order, 32 bytes each."""
    try:
        (count,) = _COUNT.unpack_from(catalogue)
        ids_at = _COUNT.size + count * _PLACE.size
        places = [Place(*four) for four in _PLACE.iter_unpack(catalogue[_COUNT.size : ids_at])]
    except struct.error:
        raise Damaged(where, "its list of segments is malformed") from None
    ids = memoryview(catalogue)[ids_at:]
    if len(places) != count or len(ids) != ID_BYTES * sum(place.chunk_count for place in places):
        raise Damaged(where, "its list of segments does not add up")
    return places, ids


def fetch(storage: Storage, name: str) -> bytes:
    """A pack's bytes; of what is larger than any pack, no more than shows that."""
    return storage.get(FOLDER + name, length=LARGEST_BYTES + 1)


def read_trailer(storage: Storage, ring: KeyRing, name: str, size_bytes: int) -> PackInfo:
    """What is known of a pack, from its own trailer: at most three ranged reads.

    Raises:
        Damaged: prelude or trailer are not sound.
    """
    path = FOLDER + name
    if size_bytes > LARGEST_BYTES:
        raise Damaged(path, TOO_LARGE)
    prelude = storage.get(path, length=PRELUDE_BYTES)
    kind = prelude[4:5] if prelude[4:5] in (DATA, MANIFEST) else DATA
    key = read_prelude(ring, prelude, kind=kind, name=path, bind=False)
    tail = storage.get(path, offset=max(0, size_bytes - _TAIL_BYTES))
    head = key.open_head(TRAILER_COUNTER, tail[-HEAD_BYTES:], where=path)
    start = len(tail) - HEAD_BYTES - head.body_bytes
    if start < 0:
        offset = max(0, size_bytes - HEAD_BYTES - head.body_bytes)
        tail, start = storage.get(path, offset=offset), 0
    body = tail[start : start + head.body_bytes]
    frame = key.open_body(TRAILER_COUNTER, head, tail[-HEAD_BYTES:][:32], body=body, where=path)
    catalogue = frames.decode(head, frame, where=path)
    return PackInfo(name=name, salt=key.salt, kind=kind, size_bytes=size_bytes, catalogue=catalogue)
