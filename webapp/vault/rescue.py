"""W4 and W5: what a snapshot needs must lie in packs that nobody has condemned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from webapp.vault import rows
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.ids import split_ref
from webapp.vault.manifests import Part, split_rows
from webapp.vault.reader import ChunkReader


class Rescued(NamedTuple):
    """What came of it.

    Attributes:
        copied: how many chunks.
        is_whole: nothing was gone already.
    """

    copied: int
    is_whole: bool


def _needed(part: Part, chunks: ChunkReader) -> Iterator[tuple[bool, bytes]]:
    """Every reference that a piece of a manifest needs, and whether it is a manifest's own."""
    yield True, part.ref
    for row in split_rows(chunks.manifest(part.ref), where="manifest"):
        _, content = rows.split_row(row)
        if content:
            yield from _of_content(content, chunks)


def _of_content(content: bytes, chunks: ChunkReader) -> Iterator[tuple[bool, bytes]]:
    found = rows.unpack_content(content)
    if not found.flags & rows.LISTED:
        yield from ((False, ref) for ref in found.refs)
        return
    yield from ((True, ref) for ref in found.refs)
    yield from ((False, ref) for ref in chunks.refs((rows.LIST_MARK, *found.refs)))


def copy_out(parts: Iterable[Part], chunks: ChunkReader, store: ChunkStore) -> Rescued:
    """Store again what is needed and not safe, as far as it can be had."""
    copied, is_whole = 0, True
    for part in parts:
        try:
            for is_manifest, ref in _needed(part, chunks):
                if not store.has(split_ref(ref)[0]):
                    found = _copy(is_manifest, ref, chunks, store)
                    copied, is_whole = copied + found, is_whole and found
        except (Damaged, ObjectMissing):
            is_whole = False
    return Rescued(copied, is_whole)


def _copy(is_manifest: bool, ref: bytes, chunks: ChunkReader, store: ChunkStore) -> bool:
    try:
        if is_manifest:
            return store.manifest(chunks.manifest(ref)) == ref
        return store.data(bytes(chunks.data(ref))) == ref
    except (Damaged, ObjectMissing):
        return False
