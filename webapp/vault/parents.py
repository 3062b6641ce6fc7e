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
        self._key = b""
        self._advance()

    def at(self, key: bytes) -> bytes | None:
        """The row whose path has this sort key, if the parent holds it."""
        while self._row is not None and self._key < key:
            self._advance()
        return self._row if self._key == key else None

    def _advance(self) -> None:
        self._row = next(self._rows, None)
        if self._row is not None:
            self._key = sort_key(row_path(self._row))
