"""A window of entries: what was looked at together, and what is still to be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from webapp.items import Fate, StoredEntry
from webapp.vault.restoring.carrying import Load
from webapp.vault.restoring.pieces import Pieces
from webapp.vault.restoring.ranges import Needs

MOST_ENTRIES = 100_000  # looked at before anything is fetched for them
_FIRST_ENTRIES = 8_000
_MOST_OF_TWO = 50_000


@dataclass(kw_only=True)
class Window:
    """One window.

    Attributes:
        weight: of what was looked at for it.
        links: further names, made when all content is in its place.
        files: those that come in pieces, some of which may come with a later window.
        folders: to be settled when all is done.
    """

    needs: Needs
    weight: int = 0
    links: list[tuple[StoredEntry, Fate, bytes]] = field(default_factory=list)
    files: set[Pieces] = field(default_factory=set)
    folders: list[StoredEntry] = field(default_factory=list)
    load: Load = field(init=False)

    def __post_init__(self) -> None:
        self.load = Load(self.needs)


def sizes(*, is_ahead: bool) -> Iterator[int]:
    """How much the windows may hold, one after the other.

    Large ones fetch each pack once. Where others carry one window while the next is looked at,
    the first are small, so that they begin soon; and two are in memory.
    """
    size = _FIRST_ENTRIES if is_ahead else MOST_ENTRIES
    while True:
        yield size
        size = min(2 * size, _MOST_OF_TWO) if is_ahead else size
