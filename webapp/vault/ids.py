"""Names of what the vault holds: keyed digests of chunks, and references to them."""

from __future__ import annotations

import struct

from blake3 import blake3

ID_BYTES = 32
REF = struct.Struct("<32sI")


def chunk_id(key: bytes, data: bytes | bytearray | memoryview) -> bytes:
    """The keyed BLAKE3 of a chunk: equal data has equal ids in one vault, and in no other."""
    return blake3(data, key=key).digest()


def make_ref(identity: bytes, length: int) -> bytes:
    """``id (32) | length (4, little-endian)``: how manifests point at a chunk."""
    return REF.pack(identity, length)


def split_ref(ref: bytes) -> tuple[bytes, int]:
    identity, length = REF.unpack(ref)
    return identity, length
