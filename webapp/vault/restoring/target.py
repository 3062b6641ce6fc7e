"""What a restore asks of the place that it writes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from webapp.items import Fate, NotPlaced, StoredEntry


class Draft(Protocol):
    """A file on its way: seen by nobody until it is whole. For many threads."""

    def write(self, data: memoryview, offset: int) -> None:
        """Put *data* at *offset*; what is never written stays a hole."""

    def finish(self) -> None:
        """Give it its facts and its name; it is not called twice.

        Raises:
            NotPlaced: it could not be, or not with all its facts.
        """

    def abandon(self) -> None:
        """Leave nothing of it. Safe after a ``finish`` that failed."""


class EntryTarget(Protocol):
    """A place for entries. One thread calls, in the order of the snapshot; only ``write``, and
    what ``draft`` gives, are used by several threads and in any order.

    What a single entry suffers is ``NotPlaced``; any other error ends the restore.
    """

    def look(self, entry: StoredEntry, *, on_the_way: bool = False) -> Fate:
        """Say what is to be done about *entry*. Changes nothing.

        Args:
            on_the_way: a folder that was not asked for, and is only made where it is missing.

        Raises:
            NotPlaced: nothing can be; if it is a folder, nothing in it can be either.
        """

    def may_fold(self, folders: Iterator[bytes]) -> bool:
        """Whether the target, or one of *folders* in it, takes different names for one."""

    def start_over(self) -> None:
        """Forget what was looked at: the entries come once more, from the first."""

    def is_fresh(self, folder: bytes) -> bool:
        """Whether everything in *folder* is to be created, without a look at each."""

    def make(self, entry: StoredEntry, fate: Fate) -> None:
        """Do *fate* to what has no content; of a file, mend the facts."""

    def write(self, entry: StoredEntry, data: memoryview) -> None:
        """Place a whole file that has no holes."""

    def draft(self, entry: StoredEntry) -> Draft:
        """Begin a file that comes in pieces."""

    def link(self, entry: StoredEntry) -> bool:
        """Make *entry* another name of ``entry.hardlink``; False if that cannot be."""

    def reads_as(self, entry: StoredEntry) -> bool:
        """Read a file that was just written, and say whether it has the digest that it should."""

    def in_process(self, number: int) -> None:
        """This is a copy of the target in a process of its own, which writes at the same time."""

    def clear_away(self, folders: Iterable[bytes]) -> None:
        """Remove what such processes, now dead, have left in *folders*."""

    def leave(self, *, last: bool) -> list[StoredEntry]:
        """Say which folders were left, or with *last* all, that are to be settled."""

    def settle(self, folders: list[StoredEntry]) -> list[tuple[bytes, NotPlaced]]:
        """Give *folders* their facts: all that belongs into them is there.

        Returns:
            The folders that did not take all of them, and why.
        """
