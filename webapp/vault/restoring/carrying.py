"""Carries what is needed to the files that need it: by threads, and by other processes."""

from __future__ import annotations

from collections.abc import Callable

from webapp.vault import rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.restoring.fetching import Fetching
from webapp.vault.restoring.hands import UNIT_BYTES, Answer, Hands, can_help
from webapp.vault.restoring.outcomes import Outcomes
from webapp.vault.restoring.pieces import Placing, Whole
from webapp.vault.restoring.ranges import Need, Needs, Range, Taker

_HANDS = 2


class Carrying:
    """The carriers of one restore."""

    def __init__(self, engine: Engine, placing: Placing) -> None:
        self._engine = engine
        self._placing = placing
        self._hands: Hands | None = None
        self.bytes_fetched = 0
        self.bytes_needed = 0

    def get_help(self) -> None:
        """Start other processes, where they can help."""
        if can_help(self._engine.storage):
            began = self._placing.target.in_process
            self._hands = Hands(_HANDS, work=self._work, began=began)

    def carry(self, needs: Needs, on_wait: Callable[[], None]) -> None:
        """Carry all of *needs*.

        Args:
            on_wait: called now and then, and may raise.
        """
        fetching = self._fetching()
        ranges = needs.ranges()
        if self._hands is not None:
            units = needs.ranges(_is_whole, largest=UNIT_BYTES)
            left = self._hands.carry(units, absorb=self._absorb, on_wait=on_wait)
            ranges = (one for found in (left, needs.ranges(_is_in_pieces)) for one in found)
        try:
            fetching.run(ranges, on_wait)
        finally:
            self.bytes_fetched += fetching.bytes_fetched
            self.bytes_needed += fetching.bytes_needed

    def close(self) -> None:
        """End the other processes. Safe to call twice."""
        if self._hands is not None:
            self._hands.close()
            self._hands = None

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
