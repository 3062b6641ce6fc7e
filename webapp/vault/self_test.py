"""Does this machine compute what it should? Asked once by each process, before it writes.

Answers that are known from elsewhere (the test vectors of BLAKE3 and of AES-GCM's authors) or were
pinned when the format was: a library or a processor that gives others would write a vault that
nobody can read, or store everything again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.vault import frames
from webapp.vault.chunking import FINE, cuts
from webapp.vault.errors import SelfTestFailed, VaultError
from webapp.vault.sealing import RAW, Head

_KEY = b"whats the Elvish word for friend"
_CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"
_PLAIN = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
_KEYED = "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"
_DERIVED = "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"
_SEALED = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
_TEXT = b"lastgood " * 100
_FRAME = "28b52ffd608402850000486c617374676f6f6420010078599523"
_CUTS = (12859, 33111, 48479, 62703, 76363, 96762, 109131, 121476, 131072)


def _digest() -> bool:
    return (
        blake3(b"\0").hexdigest() == _PLAIN
        and blake3(b"", key=_KEY).hexdigest() == _KEYED
        and blake3(b"", derive_key_context=_CONTEXT).hexdigest() == _DERIVED
    )


def _cipher() -> bool:
    cipher, sealed = AESGCM(bytes(32)), bytes.fromhex(_SEALED)
    if cipher.encrypt(bytes(12), bytes(16), b"") != sealed:
        return False
    if cipher.decrypt(bytes(12), sealed, b"") != bytes(16):
        return False
    try:
        cipher.decrypt(bytes(12), sealed[:-1] + b"\0", b"")
    except InvalidTag:
        return True
    return False


def _compression() -> bool:
    codec, frame = frames.encode(_TEXT)
    known = zstandard.ZstdDecompressor().decompress(bytes.fromhex(_FRAME))
    again = frames.decode(Head(codec, 0, len(_TEXT), len(frame)), frame, where="")
    return codec != RAW and bytes(again) == known == _TEXT


def _chunker() -> bool:
    window = blake3(b"self-test").digest(length=1 << 17)
    return tuple(end for _, end in cuts(window, FINE, at_end=True)) == _CUTS


_TESTS: dict[str, Callable[[], bool]] = {
    "digests (BLAKE3)": _digest,
    "encryption (AES-256-GCM)": _cipher,
    "compression (zstd)": _compression,
    "chunking (FastCDC)": _chunker,
}


@cache
def passed() -> bool:
    """True, once for each process.

    Raises:
        SelfTestFailed: something gives another answer than it must.
    """
    for what, test in _TESTS.items():
        try:
            right = test()
        except (InvalidTag, ValueError, VaultError, zstandard.ZstdError):
            right = False
        if not right:
            raise SelfTestFailed(
                f"This machine gets {what} wrong, so nothing was written. Install Lastgood's "
                "packages again; if that changes nothing, test the machine's memory."
            )
    return True
