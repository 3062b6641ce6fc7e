"""Lots: units of work that were given out together, in memory that several processes see."""

from __future__ import annotations

import os
from collections.abc import Iterator

from webapp.vault.restoring.messages import unpacked
from webapp.vault.restoring.ranges import Range

Spot = tuple[int, int]


class Room:
    """Memory for one lot at a time: a file without a name, open also in forks made later.

    Attributes:
        number: which of the rooms it is.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._file = os.memfd_create("restore", os.MFD_CLOEXEC)
        self._end = 0

    def clear(self) -> None:
        os.ftruncate(self._file, 0)
        self._end = 0

    def add(self, message: bytes) -> Spot:
        """Keep *message*; return where it lies, and its length."""
        spot, view = (self._end, len(message)), memoryview(message)
        while view:
            written = os.pwrite(self._file, view, self._end)
            view, self._end = view[written:], self._end + written
        return spot

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file, length, offset)

    def close(self) -> None:
        os.close(self._file)


class Lot:
    """Units that belong together.

    Attributes:
        awaited: numbers of those of which nobody has told yet.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.awaited: set[int] = set()
        self._spots: dict[int, Spot] = {}

    def add(self, number: int, message: bytes) -> Spot:
        self.awaited.add(number)
        self._spots[number] = self.room.add(message)
        return self._spots[number]

    def heard_of(self, number: int, *, is_done: bool) -> None:
        self.awaited.discard(number)
        if is_done:
            self._spots.pop(number, None)

    def undone(self) -> Iterator[Range]:
        """The units that nobody did."""
        for spot in self._spots.values():
            yield unpacked(self.room.read(*spot))
