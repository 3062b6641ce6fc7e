"""The digest of a file whose pieces come in nearly the right order."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from blake3 import blake3

from webapp.items import StoredEntry
from webapp.vault.errors import Damaged

_ZEROS = bytes(1 << 20)
_MOST_HELD_BYTES = 16 << 20
_LEAST_HELD_BYTES = 1 << 20  # a small piece keeps its whole segment in memory
_MOST_HOLES_BYTES = 1 << 30


class Spare:
    """What all files together may hold back of pieces that came too early."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = _MOST_HELD_BYTES

    def take(self, length: int) -> bool:
        with self._lock:
            wanted = max(length, _LEAST_HELD_BYTES)
            fits = wanted <= self._left
            self._left -= wanted if fits else 0
            return fits

    def give_back(self, length: int) -> None:
        with self._lock:
            self._left += max(length, _LEAST_HELD_BYTES)


class Layout:
    """Where a file's data lies between its holes.

    Raises:
        Damaged: the holes overlap or reach over the end.
    """

    def __init__(self, entry: StoredEntry) -> None:
        self.size = entry.size
        ends = [0, *(offset + length for offset, length in entry.holes)]
        starts = [*(offset for offset, _ in entry.holes), entry.size]
        if any(start < end for start, end in zip(starts, ends, strict=True)):
            raise Damaged("manifest", "a file's holes overlap")
        self.hidden = [0, *accumulate(length for _, length in entry.holes)]
        self._edges = [
            offset - hidden for (offset, _), hidden in zip(entry.holes, self.hidden, strict=False)
        ]

    @property
    def data_bytes(self) -> int:
        return self.size - self.hidden[-1]

    def spread(self, position: int, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Cut *data*, at *position* of all that is no hole, into pieces with their offsets."""
        while data:
            number = bisect_right(self._edges, position)
            room = self._edges[number] - position if number < len(self._edges) else len(data)
            piece = data[:room]
            yield position + self.hidden[number], piece
            data, position = data[len(piece) :], position + len(piece)


class Digest:
    """BLAKE3 of pieces that may come out of order; gives up rather than hold back too much.

    Its caller holds a lock around each call.
    """

    def __init__(self, layout: Layout, spare: Spare) -> None:
        self._layout = layout
        self._spare = spare
        self._hasher = blake3()
        self._at = 0
        self._position = 0
        self._early: dict[int, memoryview] = {}
        self._is_open = layout.hidden[-1] <= _MOST_HOLES_BYTES

    def add(self, position: int, data: memoryview) -> None:
        if not self._is_open:
            return
        if position != self._position:
            if position < self._position or not self._spare.take(len(data)):
                self.close()
            else:
                self._early[position] = data
            return
        self._hash(data)
        while (held := self._early.pop(self._position, None)) is not None:
            self._spare.give_back(len(held))
            self._hash(held)

    def close(self) -> None:
        """Give up. Safe to call twice."""
        for held in self._early.values():
            self._spare.give_back(len(held))
        self._early.clear()
        self._is_open = False

    def result(self) -> bytes | None:
        """The digest of the whole file; None if its pieces came too much out of order."""
        if not self._is_open or self._position != self._layout.data_bytes:
            return None
        self._skip_to(self._layout.size)
        return self._hasher.digest()

    def _hash(self, data: memoryview) -> None:
        for offset, piece in self._layout.spread(self._position, data):
            self._skip_to(offset)
            self._hasher.update(piece)
            self._at = offset + len(piece)
        self._position += len(data)

    def _skip_to(self, offset: int) -> None:
        while self._at < offset:
            step = min(offset - self._at, len(_ZEROS))
            self._hasher.update(_ZEROS[:step])
            self._at += step
