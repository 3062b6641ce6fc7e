"""Writing to the parts of a site. For ``writing`` only."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.connectors.base import Planned, Writer
from webapp.connectors.sections import section_of
from webapp.errors import ConnectorError
from webapp.items import StoredContent, StoredEntry


class SiteWriter:
    """A ``Writer`` that hands each row to the writer of its section."""

    def __init__(self, parts: Mapping[str, Writer]) -> None:
        self._parts = parts

    def apply(self, row: Planned, desired: StoredEntry | None, stored: StoredContent) -> str:
        part = self._parts.get(section_of(row.key))
        if part is None:
            raise ConnectorError("not_supported", "This target has no place for it.")
        return part.apply(row, desired, stored)

    def finish(self) -> None:
        for part in self._parts.values():
            part.finish()

    def close(self) -> None:
        for part in self._parts.values():
            part.close()
