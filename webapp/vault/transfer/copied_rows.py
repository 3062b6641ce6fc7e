"""The rows of a snapshot as another vault will hold them: the same facts, other references."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from webapp.items import sort_key
from webapp.vault import rows
from webapp.vault.capturing import MOST_REFS, cut_lists
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.manifests import Manifest, Part, split_rows
from webapp.vault.parents import ParentRows
from webapp.vault.transfer.comparison import meaning
from webapp.vault.transfer.translation import Translator

_WINDOW_REFS = 50_000
_WINDOW_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A snapshot of the target that holds much of the same, best an earlier copy.

    Attributes:
        manifest: the target's.
        refs: manifest chunks of the snapshot that it is a copy of, in the source.
    """

    manifest: Manifest
    refs: frozenset[bytes] = frozenset()


@dataclass(kw_only=True)
class CopiedRows:
    """Makes rows for the target.

    Attributes:
        fresh: for each row, whether its content came from the source now.
    """

    source: Engine
    target: Engine
    store: ChunkStore
    translator: Translator
    earlier: Earlier | None
    fresh: bytearray = field(default_factory=bytearray)

    def of(self, parts: list[Part]) -> Iterator[bytes]:
        """The rows of a manifest of the source, in order; those that need it in windows, whose
        chunks are carried over together."""
        window: list[tuple[bytes, rows.Content | None]] = []  # facts with content, or whole rows
        refs = size = 0
        for part in parts:
            for row, content in self._rows(part):
                window.append((row, content))
                refs += len(content.refs) if content else 0
                size += len(row)
                if refs >= _WINDOW_REFS or size >= _WINDOW_BYTES:
                    yield from self._translated(window)
                    window, refs, size = [], 0, 0
        yield from self._translated(window)

    def _rows(self, part: Part) -> Iterator[tuple[bytes, rows.Content | None]]:
        known = self._known_part(part)
        if known is not None:
            yield from ((row, None) for row in known)
            return
        before = self._rows_before(part)
        for row in split_rows(self.source.chunks.manifest(part.ref), where="manifest"):
            path = rows.row_path(row)
            yield self._one(row, before.at(path, sort_key(path)))

    def _known_part(self, part: Part) -> list[bytes] | None:
        """The target's rows for a part that was copied before; None if they do not do."""
        if self.earlier is None or part.ref not in self.earlier.refs:
            return None
        try:
            following = self.earlier.manifest.rows_from(sort_key(part.first_path))
            found = list(islice(following, part.row_count))
        except (Damaged, ObjectMissing):
            return None
        is_whole = len(found) == part.row_count and rows.row_path(found[0]) == part.first_path
        return found if is_whole and all(map(self._is_stored, found)) else None

    def _rows_before(self, part: Part) -> ParentRows:
        if self.earlier is None:
            return ParentRows(iter(()))
        return ParentRows(self.earlier.manifest.rows_from(sort_key(part.first_path)))

    def _one(self, row: bytes, before: bytes | None) -> tuple[bytes, rows.Content | None]:
        """A row that is finished, or the facts of one and its content in the source."""
        facts, packed = rows.split_row(row)
        if not packed:
            return row, None
        if before is not None:
            there = before[rows.content_at(before) :]
            is_same = bool(there) and meaning(packed) == meaning(there)
            if is_same and self._is_stored(before):
                return rows.make_row(facts, there), None
        content = rows.unpack_content(packed)
        if content.flags & rows.LISTED:
            refs = self.source.chunks.refs((rows.LIST_MARK, *content.refs))
            content = content._replace(refs=refs, flags=content.flags & ~rows.LISTED)
        return facts, content

    def _is_stored(self, row: bytes) -> bool:
        """Whether the target holds all that a row of its own needs, in packs that will stay."""
        _, content = rows.split_row(row)
        if not content:
            return True
        if not all(map(self.store.has, rows.chunk_ids(content))):
            return False
        if not rows.is_listed(content):
            return True
        try:
            lists = rows.unpack_content(content).refs
            refs = self.target.chunks.refs((rows.LIST_MARK, *lists))
        except (Damaged, ObjectMissing):
            return False
        return all(self.store.has(ref[:32]) for ref in refs)

    def _translated(self, window: list[tuple[bytes, rows.Content | None]]) -> Iterator[bytes]:
        needed = (ref for _, content in window if content for ref in content.refs)
        self.translator.carry_over(needed)
        for row, content in window:
            self.fresh.append(content is not None)
            yield row if content is None else rows.make_row(row, self._pack(content))

    def _pack(self, content: rows.Content) -> bytes:
        refs = tuple(map(self.translator.translate, content.refs))
        if len(refs) <= MOST_REFS:
            return content._replace(refs=refs).pack()
        lists = tuple(map(self.store.manifest, cut_lists(refs)))
        return content._replace(refs=lists, flags=content.flags | rows.LISTED).pack()
