"""Stands where a backup has its source and its report: a copy has neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from webapp.items import Entry, Json


class Nothing:
    """In place of a source and a report: the original says all there is to say."""

    def entries(self) -> Iterator[Entry]:
        return iter(())

    def open(self, entry: Entry) -> BinaryIO:
        raise FileNotFoundError

    def facts(self) -> dict[str, Json]:
        return {}

    def close(self) -> None:
        """There is nothing to give back."""

    def failed(self, key: str, code: str, message: str) -> None:
        """Nothing is read that could fail."""

    def skipped(self, key: str, code: str, message: str) -> None:
        """Nothing is left out."""

    def note(self, message: str) -> None:
        """The target's clock plays no part: a copy keeps its origin's time."""


NOTHING = Nothing()
