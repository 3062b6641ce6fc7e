"""Diff: what differs between two snapshots. Manifest chunks that both have are not even read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from webapp.items import EntryKind, StoredEntry, sort_key
from webapp.vault import manifests, rows
from webapp.vault.engine import Engine
from webapp.vault.snapshots import FINISHED

_MOST_MOVES = 100_000


class Difference(StrEnum):
    """How a path differs. ``content`` includes where a link points to and a device's number."""

    ADDED = "added"
    REMOVED = "removed"
    CONTENT = "content"
    METADATA = "metadata"
    KIND = "kind"


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs.

    Attributes:
        details: for ``content`` and ``metadata``: names of the fields of an entry that differ.
    """

    what: Difference
    path: bytes
    old: StoredEntry | None
    new: StoredEntry | None
    details: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Summary:
    """Counts of changes. Feed it with ``add``.

    Attributes:
        added_bytes, removed_bytes: sizes of the files that came and went.
        changed_bytes: sizes now of the files whose content changed.
        moves: from and to, of files that went in one place and came, with the same content, in
            another; they count as removed and added too. Looked for among the first 100,000.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Difference, 0))
    added_bytes: int = 0
    removed_bytes: int = 0
    changed_bytes: int = 0
    _gone: dict[bytes, bytes] = field(default_factory=dict)
    _come: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        self.counts[change.what] += 1
        if change.what is Difference.ADDED and change.new is not None:
            self.added_bytes += change.new.size
            _keep(self._come, change.new)
        elif change.what is Difference.REMOVED and change.old is not None:
            self.removed_bytes += change.old.size
            _keep(self._gone, change.old)
        elif change.what is Difference.CONTENT and change.new is not None:
            self.changed_bytes += change.new.size

    @property
    def moves(self) -> list[tuple[bytes, bytes]]:
        both = self._gone.keys() & self._come.keys()
        return sorted((self._gone[digest], self._come[digest]) for digest in both)


def compare(engine: Engine, old: str, new: str, *, under: bytes) -> Iterator[Change]:
    """All changes from snapshot *old* to *new*, sorted by path.

    A chunk that both manifests have holds the same rows in both, and no path comes twice in one
    manifest. So it can be left out on both sides, wherever it is, and the rest compared.
    """
    sides = [_parts(engine, one, under) for one in (old, new)]
    shared = {part.ref for part in sides[0]} & {part.ref for part in sides[1]}
    left, right = (_Rows(engine, parts, shared, under) for parts in sides)
    while left.row or right.row:
        if left.key == right.key:
            yield from _compare_rows(left.take(), right.take())
        elif left.key < right.key:
            entry = rows.unpack_row(left.take())
            yield Change(Difference.REMOVED, entry.path, entry, None)
        else:
            entry = rows.unpack_row(right.take())
            yield Change(Difference.ADDED, entry.path, None, entry)


class _Rows:
    """The rows of one side, one at a time; at the end, ``key`` is above all others."""

    def __init__(
        self, engine: Engine, parts: list[manifests.Part], shared: set[bytes], under: bytes
    ) -> None:
        self._rows = _rows(engine, [one for one in parts if one.ref not in shared], under)
        self.row, self.key = b"", (False, b"")
        self.take()

    def take(self) -> bytes:
        """This row; goes on to the next."""
        row, self.row = self.row, next(self._rows, b"")
        self.key = (False, sort_key(rows.row_path(self.row))) if self.row else (True, b"")
        return row


def _rows(engine: Engine, parts: list[manifests.Part], under: bytes) -> Iterator[bytes]:
    for part in parts:
        for row in manifests.split_rows(engine.chunks.manifest(part.ref), where="manifest"):
            if not under or _is_under(rows.row_path(row), under):
                yield row


def _is_under(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder + b"/")


def _parts(engine: Engine, snapshot: str, under: bytes) -> list[manifests.Part]:
    engine.roots.one(snapshot)
    name = FINISHED + snapshot
    parts = engine.roots.parts(name)
    if not under:
        return parts
    first = sort_key(under)
    return manifests.Manifest(parts, engine.chunks.manifest, name).between(first, first + b"\x01")


def _compare_rows(old_row: bytes, new_row: bytes) -> Iterator[Change]:
    if old_row == new_row:
        return
    old_facts, old_content = rows.split_row(old_row)
    new_facts, new_content = rows.split_row(new_row)
    same_digest = old_content[:32] == new_content[:32]
    if same_digest and rows.lasting(old_facts) == rows.lasting(new_facts):
        return
    old, new = rows.unpack_row(old_row), rows.unpack_row(new_row)
    what, details = _classify(old, new)
    yield Change(what, new.path, old, new, details)


_CONTENT = ("digest", "size", "link_target", "device")
_METADATA = ("mode", "uid", "gid", "user", "group", "mtime_ns", "hardlink", "xattrs")


def _classify(old: StoredEntry, new: StoredEntry) -> tuple[Difference, tuple[str, ...]]:
    if old.kind is not new.kind:
        return Difference.KIND, ()
    content = [name for name in _CONTENT if getattr(old, name) != getattr(new, name)]
    metadata = [name for name in _METADATA if getattr(old, name) != getattr(new, name)]
    what = Difference.CONTENT if content else Difference.METADATA
    return what, (*content, *metadata)


def _keep(known: dict[bytes, bytes], entry: StoredEntry) -> None:
    if entry.kind is EntryKind.FILE and entry.size and len(known) < _MOST_MOVES:
        known.setdefault(entry.digest, entry.path)
