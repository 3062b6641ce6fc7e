"""Which rows of a snapshot are restored, each checked before anybody trusts its path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from webapp.items import NotPlaced, sort_key
from webapp.vault import rows
from webapp.vault.errors import Damaged, PathMissing
from webapp.vault.manifests import Manifest

_UNSAFE = re.compile(rb"(?:^|/)\.{0,2}(?:/|$)|\x00")
_SECTIONS = {b"tree", b"db", b"config"}
_BAD_NAMES = {b"", b".", b".."}
_NOTHING = b"\x00"  # no path begins with it
_FOLDER = 2  # the kind byte of a row


class Chosen(NamedTuple):
    """A row to restore.

    Attributes:
        folder: the path of the folder that it is in.
        on_the_way: a folder that was not asked for, but that something asked for lies in.
        refusal: why it must not be restored, whatever the target is like.
    """

    path: bytes
    row: bytes
    folder: bytes
    on_the_way: bool = False
    refusal: NotPlaced | None = None


class Selection:
    """The rows of a manifest that were asked for, in order.

    Args:
        include: paths as the snapshot has them, each with all below it; none means everything.
    """

    def __init__(self, manifest: Manifest, include: Sequence[bytes]) -> None:
        self._manifest = manifest
        self.include = _outermost(include)
        self._last_key = b""
        self._safe_folder: bytes | None = None
        self._leaf = _NOTHING  # of what is no folder, and so has nothing below it

    def holds(self, path: bytes) -> bool:
        """Whether *path* was asked for, and is one that can be restored."""
        if not _is_safe(path):
            return False
        if not self.include:
            return True
        return any(path == one or path.startswith(one + b"/") for one in self.include)

    def folders(self) -> Iterator[bytes]:
        """The folders among them."""
        return (one.path for one in self.rows() if one.refusal is None and rows.is_folder(one.row))

    def rows(self) -> Iterator[Chosen]:
        """Yield what was asked for, and before it the folders that it lies in.

        Raises:
            PathMissing: the snapshot has nothing by a name that was asked for.
            Damaged: the rows are out of order.
        """
        self._last_key, self._leaf, self._safe_folder = b"", _NOTHING, None
        if not self.include:
            yield from (self._checked(row) for row in self._manifest.rows())
            return
        shown: set[bytes] = set()
        for path in self.include:
            yield from self._way_to(path, shown)
            count = 0
            for row in self._manifest.under(path):
                count += 1
                yield self._checked(row)
            if not count:
                raise PathMissing(f"The snapshot holds no {path.decode(errors='replace')}.")

    def _way_to(self, path: bytes, shown: set[bytes]) -> Iterator[Chosen]:
        parts = path.split(b"/")
        for count in range(1, len(parts)):
            folder = b"/".join(parts[:count])
            row = self._manifest.find(folder) if folder not in shown else None
            shown.add(folder)
            if row is not None and rows.is_folder(row):
                yield self._checked(row)._replace(on_the_way=True)

    def _checked(self, row: bytes) -> Chosen:
        path = rows.row_path(row)
        folder, _, name = path.rpartition(b"/")
        if folder != self._safe_folder or name in _BAD_NAMES or b"\x00" in name:
            if not _is_safe(path):
                return _refused(path, row, "Its path would lead out of the target.")
            self._safe_folder = folder or None
        key = sort_key(path)
        if key <= self._last_key:
            raise Damaged("manifest", "its rows are out of order")
        self._last_key = key
        if path.startswith(self._leaf):
            words = "It lies below something that is no folder in the snapshot."
            return _refused(path, row, words)
        self._leaf = _NOTHING if row[4] == _FOLDER else path + b"/"
        return Chosen(path, row, folder)


def _is_safe(path: bytes) -> bool:
    return not _UNSAFE.search(path) and path.partition(b"/")[0] in _SECTIONS


def _refused(path: bytes, row: bytes, words: str) -> Chosen:
    return Chosen(path, row, b"", refusal=NotPlaced("escapes_target", words))


def _outermost(paths: Sequence[bytes]) -> list[bytes]:
    """Sorted, and without those that lie in another one."""
    found: list[bytes] = []
    for path in sorted(set(paths), key=sort_key):
        if not found or not path.startswith(found[-1] + b"/"):
            found.append(path)
    return found
