"""Sealing: objects made of records, each encrypted and authenticated under a key of its own.

An object begins with a prelude, ``magic (4) | kind (1) | zeros (3) | salt (32) | commitment (32)``,
and goes on with records, ``mark (32) | sealed head (24 + 16) | sealed body (n + 16)``. The mark
is a keyed digest of all that the record says. The record's key is derived from it, so that two
different records never share a key, even where a cloned machine repeats its random numbers.
"""

from __future__ import annotations

import hmac
import struct
from typing import NamedTuple

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.vault.derivation import KeyRing
from webapp.vault.errors import Damaged

Buffer = bytes | bytearray | memoryview
FORMAT = 1
TRAILER_COUNTER = 1 << 63
RAW, ZSTD = 0, 1
LAST = 1

_PRELUDE = struct.Struct("<3sBc3x32s32s")
_HEAD = struct.Struct("<BB2xIII8x")
_COUNTER = struct.Struct("<Q")
TAG_BYTES = 16
MARK_BYTES = 32
PRELUDE_BYTES = _PRELUDE.size
HEAD_BYTES = MARK_BYTES + _HEAD.size + TAG_BYTES
OVERHEAD_BYTES = HEAD_BYTES + TAG_BYTES


class Head(NamedTuple):
    """What a record says of itself, sealed.

    Attributes:
        codec: how the frame is encoded, ``RAW`` or ``ZSTD``.
        flags: ``LAST`` on an object's last record.
        raw_length: bytes after decoding.
        frame_length: bytes before; what is sealed, without padding.
        padding: zero bytes that follow the frame inside the seal.
    """

    codec: int
    flags: int
    raw_length: int
    frame_length: int
    padding: int = 0

    @property
    def body_bytes(self) -> int:
        """Length of the sealed body."""
        return self.frame_length + self.padding + TAG_BYTES


class ObjectKey:
    """The keys of one sealed object, and its prelude.

    Args:
        kind: one byte, such as ``b"D"`` for a data pack.
        salt: 32 random bytes.
        name: what the object is called; empty for packs, whose names are digests of their bytes.
    """

    def __init__(self, ring: KeyRing, kind: bytes, salt: bytes, *, name: str = "") -> None:
        derived = blake3(ring.vault_id + kind + salt, key=ring.objects).digest(length=96)
        self._records, self._marks, commitment = derived[:32], derived[32:64], derived[64:]
        self._bound = bytes([FORMAT]) + ring.vault_id + kind + salt + name.encode()
        self.salt = salt
        self.name = name
        self.prelude = _PRELUDE.pack(b"LGV", FORMAT, kind, salt, commitment)

    def seal(self, counter: int, head: Head, frame: Buffer) -> tuple[bytes, bytes]:
        """Seal one record; return ``mark | sealed head`` and the sealed body."""
        record = bytearray(HEAD_BYTES + head.body_bytes)
        self.seal_into(memoryview(record), counter, head, frame=frame)
        return bytes(record[:HEAD_BYTES]), bytes(record[HEAD_BYTES:])

    def seal_into(self, record: memoryview, counter: int, head: Head, *, frame: Buffer) -> None:
        """Seal one record where it is to lie: no copy is made of it on the way.

        Args:
            record: writable, exactly as long as head and body.
        """
        number, plain = _COUNTER.pack(counter), _HEAD.pack(*head)
        mark = blake3(number + plain, key=self._marks).update(frame).digest()
        cipher = AESGCM(blake3(number + mark, key=self._records).digest())
        if head.padding:
            frame = bytes(frame) + bytes(head.padding)
        record[:MARK_BYTES] = mark
        sealed_head, body = record[MARK_BYTES:HEAD_BYTES], record[HEAD_BYTES:]
        cipher.encrypt_into(number + b"head", plain, self._bound + number, sealed_head)
        cipher.encrypt_into(number + b"body", frame, self._bound + number + plain, body)

    def open_head(self, counter: int, sealed: Buffer, *, where: str = "") -> Head:
        """Read ``mark | sealed head``.

        Raises:
            Damaged: any byte differs; names *where*, else the object.
        """
        number, mark = _COUNTER.pack(counter), bytes(sealed[:MARK_BYTES])
        cipher = AESGCM(blake3(number + mark, key=self._records).digest())
        try:
            plain = cipher.decrypt(
                number + b"head", bytes(sealed[MARK_BYTES:HEAD_BYTES]), self._bound + number
            )
            return Head._make(_HEAD.unpack(plain))
        except (InvalidTag, ValueError, struct.error):
            raise Damaged(where or self.name, f"record {_which(counter)} is damaged") from None

    def open(self, counter: int, sealed: Buffer, *, where: str = "") -> tuple[Head, bytes]:
        """Read a whole record, ``mark | sealed head | sealed body``: its head and its frame."""
        head = self.open_head(counter, sealed, where=where)
        body = memoryview(sealed)[HEAD_BYTES : HEAD_BYTES + head.body_bytes]
        return head, self.open_body(counter, head, sealed[:MARK_BYTES], body=body, where=where)

    def open_body(
        self, counter: int, head: Head, mark: Buffer, *, body: Buffer, where: str = ""
    ) -> bytes:
        cipher, bound = self._opener(counter, head, mark)
        try:
            plain = cipher.decrypt(_COUNTER.pack(counter) + b"body", body, bound)
        except (InvalidTag, ValueError):
            raise Damaged(where or self.name, f"record {_which(counter)} is damaged") from None
        return plain[: head.frame_length] if head.padding else plain

    def open_into(
        self,
        plain: memoryview,
        counter: int,
        head: Head,
        *,
        mark: Buffer,
        body: Buffer,
        where: str = "",
    ) -> None:
        """Read a body into *plain*, which is as long as frame and padding."""
        cipher, bound = self._opener(counter, head, mark)
        try:
            cipher.decrypt_into(_COUNTER.pack(counter) + b"body", body, bound, plain)
        except (InvalidTag, ValueError):
            raise Damaged(where or self.name, f"record {_which(counter)} is damaged") from None

    def _opener(self, counter: int, head: Head, mark: Buffer) -> tuple[AESGCM, bytes]:
        """The cipher of one record, and what its body is bound to."""
        number = _COUNTER.pack(counter)
        cipher = AESGCM(blake3(number + bytes(mark), key=self._records).digest())
        return cipher, self._bound + number + _HEAD.pack(*head)


def read_prelude(ring: KeyRing, data: bytes, *, kind: bytes, name: str, bind: bool) -> ObjectKey:
    """Check an object's prelude and return its key.

    Args:
        bind: whether *name* is part of what the object was sealed with.

    Raises:
        Damaged: it is not such an object of this vault.
    """
    try:
        magic, version, found, salt, _ = _PRELUDE.unpack_from(data)
    except struct.error:
        raise Damaged(name, "it is cut short") from None
    if magic != b"LGV" or found != kind:
        raise Damaged(name, "it is not what its name says")
    if version > FORMAT:
        raise Damaged(name, "a later release wrote it, or its first bytes are damaged")
    key = ObjectKey(ring, kind, salt, name=name if bind else "")
    if not hmac.compare_digest(key.prelude, data[:PRELUDE_BYTES]):
        raise Damaged(name, "its first bytes are damaged, or another vault's key sealed it")
    return key


def _which(counter: int) -> str:
    return "of the trailer" if counter >= TRAILER_COUNTER else str(counter)
