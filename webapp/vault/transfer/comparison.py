"""Is what the target holds now what was to be copied? Asked before the copy becomes visible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from blake3 import blake3

from webapp.items import StoredEntry
from webapp.vault import rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.manifests import Manifest, Part
from webapp.vault.reader import Content

_BLOCK = 1 << 20
_HOLE_COUNT = slice(36, 40)  # of a content part
_NO_HOLES = bytes(4)
_FLAGS = (b"\x00", b"\x01")


@dataclass
class Seen:
    """A running sum over rows, without their references: equal for a snapshot and its copy."""

    rows: int = 0
    _hasher: blake3 = field(default_factory=blake3)

    def add(self, row: bytes) -> None:
        content_at = rows.content_at(row)
        content = row[content_at:]
        self._hasher.update(row[:content_at] + meaning(content) if content else row)
        self.rows += 1

    def digest(self) -> tuple[int, bytes]:
        return self.rows, self._hasher.digest()


def compare(target: Engine, parts: list[Part], expected: Seen, *, fresh: bytearray | None) -> None:
    """Read the copy's manifest back, and see that every chunk it needs is in a pack.

    Args:
        fresh: read back also the files of the rows that this marks; None reads none.

    Raises:
        Damaged: the copy is not what it should be; it was not published.
    """
    found, stock = Seen(), target.stock.index
    manifest = Manifest(parts, target.chunks.manifest, "the copy")
    for number, row in enumerate(manifest.rows()):
        found.add(row)
        lost = next((one for one in _needed(row, target) if one not in stock), None)
        if lost is not None:
            raise Damaged("the copy", f"chunk {lost.hex()[:16]} is in no pack")
        if fresh is not None and fresh[number]:
            _read_back(target, rows.unpack_row(row))
    if found.digest() != expected.digest():
        raise Damaged("the copy", "its manifest is not what was written")


def meaning(content: bytes) -> bytes:
    """What a content part says of a file, whatever chunks it is made of: digest, whether it is
    unsure, holes."""
    said = content[:32] + _FLAGS[content[32] & rows.UNSURE]
    if content[_HOLE_COUNT] == _NO_HOLES:
        return said
    return said + repr(tuple(rows.unpack_content(content).holes)).encode()


def _needed(row: bytes, target: Engine) -> Iterable[bytes]:
    """Ids of all chunks that a row leads to."""
    content = row[rows.content_at(row) :]
    if not content:
        return ()
    if not rows.is_listed(content):
        return rows.chunk_ids(content)
    lists = rows.unpack_content(content).refs
    return [ref[:32] for ref in (*lists, *target.chunks.refs((rows.LIST_MARK, *lists)))]


def _read_back(target: Engine, entry: StoredEntry) -> None:
    hasher = blake3()
    with Content(target.chunks).open(entry) as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    if hasher.digest() != entry.digest:
        raise Damaged("the copy", "a file's content is not what it was")
