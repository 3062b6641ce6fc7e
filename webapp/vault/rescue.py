"""W4 and W5: what a snapshot needs must lie in packs that nobody has condemned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from webapp.vault import rows
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.errors import Damaged
from webapp.vault.ids import split_ref
from webapp.vault.manifests import Part, split_rows
from webapp.vault.reader import ChunkReader


def needed(parts: Iterable[Part], chunks: ChunkReader) -> Iterator[tuple[bool, bytes]]:
    """Every reference that a manifest needs, and whether it is a manifest's own.

    Raises:
        Damaged: a piece of the manifest cannot be read.
    """
    for part in parts:
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


def copy_out(parts: Iterable[Part], chunks: ChunkReader, store: ChunkStore) -> int:
    """Store again what is needed and not safe; return how many chunks that were.

    Raises:
        Damaged: something needed is gone already. The backup has failed and must run again.
    """
    copied = 0
    for is_manifest, ref in needed(parts, chunks):
        if store.has(split_ref(ref)[0]):
            continue
        if is_manifest:
            again = store.manifest(chunks.manifest(ref))
        else:
            again = store.data(bytes(chunks.data(ref)))
        if again != ref:
            raise Damaged("packs", "a chunk changed while it was copied")
        copied += 1
    return copied
