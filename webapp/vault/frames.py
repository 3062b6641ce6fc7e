"""Frames: the encoding of what is sealed. Codec 0 is plain, codec 1 is one zstd frame."""

from __future__ import annotations

import threading

import zstandard

from webapp.vault import levels
from webapp.vault.errors import Damaged
from webapp.vault.sealing import RAW, ZSTD, Buffer, Head

LARGEST_BYTES = 128 << 20  # what a compressed frame may unpack to; nobody writes half of that
_PROBE_BYTES = 4_096
_PROBED_BYTES = 256 << 10
_WORTH_IT = 0.97
_SWIFT = -1
_local = threading.local()


def encode(raw: Buffer, *, level: int = levels.DEFAULT) -> tuple[int, Buffer]:
    """Return codec and frame; what does not get smaller stays plain."""
    stays = level == levels.OFF or len(raw) > LARGEST_BYTES
    if stays or (len(raw) >= _PROBED_BYTES and _looks_random(raw)):
        return RAW, raw
    kind = _SWIFT if level == levels.DEFAULT and len(raw) >= _PROBED_BYTES else level
    frame = _compressor(kind).compress(raw)
    return (ZSTD, frame) if len(frame) < len(raw) else (RAW, raw)


def decode(head: Head, frame: Buffer, *, where: str) -> bytes:
    """Undo ``encode``; never yields more than the sealed head says.

    Raises:
        Damaged: the frame is authentic, and still not what its head says.
    """
    if head.codec == ZSTD:
        if head.raw_length > LARGEST_BYTES:
            raise Damaged(where, "it claims more than any record holds")
        try:
            # Checked first: the library allocates what the frame says, whatever it is told.
            if zstandard.frame_content_size(frame) != head.raw_length:
                raise Damaged(where, "its length differs from what its head says")
            raw = _decompressor().decompress(frame, max_output_size=head.raw_length)
        except zstandard.ZstdError:
            raise Damaged(where, "it cannot be decompressed") from None
    elif head.codec == RAW:
        raw = bytes(frame)
    else:
        raise Damaged(where, f"codec {head.codec} is unknown")
    if len(raw) != head.raw_length:
        raise Damaged(where, "its length differs from what its head says")
    return raw


def gives(head: Head, memory: bytearray, raw: Buffer, *, where: str) -> bool:
    """Whether the frame at the start of *memory* decodes to *raw*."""
    if head.codec == RAW:
        decoded: bytes | bytearray = memory
        length = head.frame_length
    else:
        decoded = decode(head, memoryview(memory)[: head.frame_length], where=where)
        length = len(decoded)
    # Not ==, which takes views apart item by item; this compares memory.
    return length == len(raw) and decoded.startswith(raw)


def _looks_random(raw: Buffer) -> bool:
    """Try three samples: compressing what does not compress costs most of a backup's time."""
    compress, most = _compressor(1).compress, _WORTH_IT * _PROBE_BYTES
    places = (0, len(raw) // 2, len(raw) - _PROBE_BYTES)
    return all(len(compress(raw[at : at + _PROBE_BYTES])) > most for at in places)


def _compressor(level: int) -> zstandard.ZstdCompressor:
    """One for each thread and level: they are not safe to share."""
    found: dict[int, zstandard.ZstdCompressor] = _local.__dict__.setdefault("compressors", {})
    if level not in found:
        found[level] = _swift() if level == _SWIFT else zstandard.ZstdCompressor(level=level)
    return found[level]


def _swift() -> zstandard.ZstdCompressor:
    """The usual level for whole segments, with tables that fit the cache of one core: it takes an
    eighth less time and gives 0.2 % more."""
    usual = zstandard.ZstdCompressionParameters.from_level(levels.DEFAULT, source_size=2 << 20)
    fields = ("window_log", "chain_log", "search_log", "min_match", "target_length", "strategy")
    same = {name: getattr(usual, name) for name in fields}
    parameters = zstandard.ZstdCompressionParameters(**same, hash_log=usual.hash_log - 1)
    return zstandard.ZstdCompressor(compression_params=parameters)


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _local.decompressor
    return found
