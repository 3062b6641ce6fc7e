"""Writing a stored file's content to an open file: holes stay holes, and every byte is checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from blake3 import blake3

from webapp.errors import ConnectorError
from webapp.items import StoredContent, StoredEntry

_BLOCK = 1 << 20
_ZEROS = bytes(_BLOCK)
_CONFIRM_EVERY_BYTES = 64 * 1024 * 1024


def write_content(
    descriptor: int, entry: StoredEntry, stored: StoredContent, *, confirm: Callable[[], None]
) -> None:
    """Write the whole content of *entry* to an empty file.

    Args:
        confirm: called every now and then: the writing of a large file takes long.

    Raises:
        ConnectorError: ``read_error`` if what was read is not what the entry says.
        OSError: it cannot be written.
    """
    hasher, since_confirmed = blake3(), 0
    if entry.holes:
        os.ftruncate(descriptor, entry.size)
    with stored.open(entry) as source:
        for offset, length, is_hole in _extents(entry):
            if is_hole:
                _hash_zeros(hasher, length)
                continue
            source.seek(offset)
            position = offset
            for block in _blocks(source, length):
                hasher.update(block)
                position += _write(descriptor, block, position)
                since_confirmed += len(block)
                if since_confirmed >= _CONFIRM_EVERY_BYTES:
                    confirm()
                    since_confirmed = 0
    if hasher.digest() != entry.digest:
        raise ConnectorError("read_error", "The stored content is not what the backup says.")


def _extents(entry: StoredEntry) -> Iterator[tuple[int, int, bool]]:
    """Offset, length, and whether it is a hole, from start to end."""
    position = 0
    for offset, length in entry.holes:
        if offset > position:
            yield position, offset - position, False
        yield offset, length, True
        position = offset + length
    if position < entry.size:
        yield position, entry.size - position, False


def _blocks(source: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (block := source.read(min(_BLOCK, length))):
        length -= len(block)
        yield block


def _write(descriptor: int, block: bytes, position: int) -> int:
    view = memoryview(block)
    while view:
        written = os.pwrite(descriptor, view, position)
        view, position = view[written:], position + written
    return len(block)


def _hash_zeros(hasher: blake3, length: int) -> None:
    while length > 0:
        hasher.update(_ZEROS[:length] if length < _BLOCK else _ZEROS)
        length -= _BLOCK
