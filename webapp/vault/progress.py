"""Counting what a backup does, and saying so often enough to be watched and to be stopped."""

from __future__ import annotations

from collections.abc import Callable

from webapp.items import Tally

_FILES = 200
_SECONDS = 0.2


def unpaced(_size_bytes: int) -> None:
    """Nobody keeps what is read within a limit."""


class Progress:
    """A tally and the one who wants to know. ``tell`` may raise, which stops the backup."""

    def __init__(self, tell: Callable[[Tally], None], monotonic: Callable[[], float]) -> None:
        self.tally = Tally()
        self._tell = tell
        self._monotonic = monotonic
        self._next = monotonic() + _SECONDS
        self._since = 0
        self._earlier = 0, 0

    def step(self) -> None:
        """One entry is done."""
        self._since += 1
        if self._since >= _FILES:
            self.now()
        elif not self._since & 15:
            self.wait()

    def file(self, size_bytes: int, same: bool, new: bool) -> None:
        """Count a file that the snapshot holds."""
        tally = self.tally
        tally.files += 1
        tally.logical_bytes += size_bytes
        if new:
            tally.new += 1
        elif same:
            tally.unchanged += 1
        else:
            tally.changed += 1

    def begin_again(self) -> None:
        """All entries are looked at once more. What was read and stored counts on."""
        tally = self.tally
        self._earlier = tally.new, tally.changed
        tally.files = tally.folders = tally.others = tally.logical_bytes = 0
        tally.unchanged = tally.new = tally.changed = 0

    def sum_up(self) -> None:
        """All entries were looked at. What was new or changed the first time still is."""
        tally, (new, changed) = self.tally, self._earlier
        tally.new = min(tally.new + new, tally.files)
        tally.changed = min(tally.changed + changed, tally.files - tally.new)
        tally.unchanged = tally.files - tally.new - tally.changed
        self.now()

    def wait(self) -> None:
        """Some time went by."""
        if self._monotonic() >= self._next:
            self.now()

    def read(self, size_bytes: int) -> None:
        self.tally.read_bytes += size_bytes
        self.wait()

    def now(self) -> None:
        self._since = 0
        self._next = self._monotonic() + _SECONDS
        self._tell(self.tally)
