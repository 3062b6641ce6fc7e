"""The parent's rows, walked in step with the source's entries."""

from __future__ import annotations

from collections.abc import Iterator

from webapp.items import sort_key
from webapp.vault.rows import row_path


class ParentRows:
    """Gives the parent's row of a path; paths must be asked for in ascending order."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._rows = rows
        self._row: bytes | None = None
        self._path: bytes | None = None  # None: there is no row, or it was given away
        self._advance()

    def next_is(self, path: bytes) -> bytes | None:
        """The next row that was not given away, if it is that of *path*. Most often it is."""
        if path != self._path:
            return None
        row = self._row
        self._advance()
        return row

    def at(self, path: bytes, key: bytes) -> bytes | None:
        """The row of *path*, whose sort key is *key*, if the parent holds it."""
        while self._path is not None and sort_key(self._path) < key:
            self._advance()
        return self.next_is(path)

    def _advance(self) -> None:
        self._row = next(self._rows, None)
        self._path = row_path(self._row) if self._row is not None else None
