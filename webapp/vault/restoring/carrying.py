"""Carries what is needed to the files that need it: by threads, and by other processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from webapp.vault import rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.restoring.fetching import Fetching
from webapp.vault.restoring.hands import (
    REMOTE_UNIT_BYTES,
    UNIT_BYTES,
    UNIT_TAKERS,
    Hands,
    can_help,
)
from webapp.vault.restoring.lots import Lot
from webapp.vault.restoring.messages import Answer
from webapp.vault.restoring.outcomes import Outcomes
from webapp.vault.restoring.pieces import Placing, Whole
from webapp.vault.restoring.ranges import Need, Needs, Range, Taker
from webapp.vault.storage.base import Forkable, innermost

_HANDS = 2
_REMOTE_HANDS = 4  # each waits for an answer half of the time


class Load(NamedTuple):
    """What is carried together.

    Attributes:
        needs: what is not given to other processes.
        lot: what is.
    """

    needs: Needs
    lot: Lot | None = None


class Carrying:
    """The carriers of one restore."""

    def __init__(self, engine: Engine, placing: Placing) -> None:
        self._engine = engine
        self._placing = placing
        self._hands: Hands | None = None
        self._is_remote = engine.storage.parallel_puts > 1
        self.bytes_fetched = 0
        self.bytes_needed = 0

    def get_help(self) -> bool:
        """Start other processes, where they can help; whether they do."""
        if can_help(self._engine.storage):
            count = _REMOTE_HANDS if self._is_remote else _HANDS
            with suppress(OSError):  # then it goes without
                self._hands = Hands(count, work=self._work, began=self._began, absorb=self._absorb)
        return self._hands is not None

    def start(self, needs: Needs) -> Load:
        """Let other processes begin with what they can do of *needs*."""
        if self._hands is None:
            return Load(needs)
        largest = REMOTE_UNIT_BYTES if self._is_remote else UNIT_BYTES
        units = needs.ranges(_is_whole, largest=largest, most_takers=UNIT_TAKERS)
        lot = self._hands.give(units)
        needs.keep(_is_in_pieces)
        return Load(needs, lot)

    def finish(self, load: Load, on_wait: Callable[[], None]) -> None:
        """Carry the rest of it, and wait for the others.

        Args:
            on_wait: called now and then, and may raise.
        """
        self.carry(load.needs.ranges(), on_wait)
        if load.lot is not None and self._hands is not None:
            self._hands.wait(load.lot, on_wait)
            if self._hands.has_lost:
                self._placing.target.clear_away(_folders(load.lot.undone()))
            self.carry(load.lot.undone(), on_wait)

    def carry(self, ranges: Iterator[Range], on_wait: Callable[[], None]) -> None:
        """Carry these by threads of this process."""
        first = next(ranges, None)
        if first is None:
            return
        fetching = self._fetching()
        try:
            fetching.run(chain([first], ranges), on_wait)
        finally:
            self.bytes_fetched += fetching.bytes_fetched
            self.bytes_needed += fetching.bytes_needed

    def listen(self) -> None:
        """Hear what others did since; called often enough that none of them waits."""
        if self._hands is not None:
            self._hands.listen()

    def close(self) -> None:
        """End the other processes. Safe to call twice."""
        if self._hands is not None:
            self._hands.close()
            self._hands = None

    def _began(self, number: int) -> None:
        """In another process, at first."""
        storage = innermost(self._engine.storage)
        if isinstance(storage, Forkable):
            storage.forked()
        self._placing.target.in_process(number)

    def _work(self, unit: Range) -> Answer:
        """In another process: carry one unit, and tell what came of it."""
        outcomes = self._placing.outcomes = Outcomes()
        fetching = self._fetching()
        fetching.carry(unit)
        return fetching.bytes_fetched, fetching.bytes_needed, outcomes.told()

    def _absorb(self, answer: Answer) -> None:
        fetched, needed, told = answer
        self.bytes_fetched += fetched
        self.bytes_needed += needed
        self._placing.outcomes.absorb(told)

    def _fetching(self) -> Fetching:
        return Fetching(
            self._engine.storage,
            self._engine.ring,
            chunks=self._engine.chunks,
            take=self._take,
            lose=self._lose,
        )

    def _take(self, taker: Taker, chunk: memoryview) -> None:
        if isinstance(taker.file, Whole):
            self._placing.whole(taker.file, chunk)
        else:
            taker.file.take(taker.position, chunk)

    def _lose(self, taker: Taker, error: Damaged) -> None:
        if isinstance(taker.file, Whole):
            self._placing.lost(rows.row_path(taker.file.row), error)
        else:
            taker.file.lose(error)


def _is_whole(need: Need) -> bool:
    """Whether nothing but small files need it."""
    return all(isinstance(one.file, Whole) for one in need.takers)


def _is_in_pieces(need: Need) -> bool:
    return not _is_whole(need)


def _folders(units: Iterator[Range]) -> set[bytes]:
    """Where the files of *units* go."""
    takers = (one for unit in units for need in unit.needs for one in need.takers)
    return {rows.row_path(one.file.row).rpartition(b"/")[0] for one in takers}
