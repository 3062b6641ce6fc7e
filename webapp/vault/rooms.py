"""Rooms: memory in which segments are put together, used again and again.

Small files are read straight into a room and compressed from there, so that a byte is not copied
on the way and no memory is asked for: touching new memory costs more than reading a cached file.
"""

from __future__ import annotations

import struct
from collections import deque

FULL_BYTES = 1 << 20
LARGEST_BYTES = 512 << 10  # of a chunk that shares a room; a larger one has a room for itself
MOST_CHUNKS = 1 << 14
_TABLE_BYTES = 4 * (1 + MOST_CHUNKS)


class Room:
    """Memory for one segment: first the table of lengths, which grows downwards, then chunks."""

    def __init__(self, capacity: int = FULL_BYTES + LARGEST_BYTES) -> None:
        self.buffer = bytearray(_TABLE_BYTES + capacity)
        self._view = memoryview(self.buffer)
        self._end = _TABLE_BYTES
        self.ids: list[bytes] = []
        self._lengths: list[int] = []

    def space(self, length: int, ahead: int = 0) -> memoryview:
        """Where a chunk of up to *length* bytes may be put; *ahead* leaves room for others."""
        start = self._end + ahead
        return self._view[start : start + length]

    def keep(self, identity: bytes, length: int) -> None:
        """Let the first *length* bytes of ``space`` be a chunk."""
        self.ids.append(identity)
        self._lengths.append(length)
        self._end += length

    @property
    def is_full(self) -> bool:
        return self._end >= _TABLE_BYTES + FULL_BYTES or len(self.ids) >= MOST_CHUNKS

    def segment(self) -> memoryview:
        """The segment's raw form, as ``packs.build_segment`` would make it."""
        count = len(self._lengths)
        start = _TABLE_BYTES - 4 * (1 + count)
        struct.pack_into(f"<{1 + count}I", self.buffer, start, count, *self._lengths)
        return self._view[start : self._end]

    def clear(self) -> None:
        self._end = _TABLE_BYTES
        self.ids, self._lengths = [], []


class Rooms:
    """Rooms that are free. Any thread may give one back."""

    def __init__(self, capacity: int = FULL_BYTES + LARGEST_BYTES) -> None:
        self._capacity = capacity
        self._free: deque[Room] = deque()

    def take(self) -> Room:
        try:
            room = self._free.pop()
        except IndexError:
            return Room(self._capacity)
        room.clear()
        return room

    def give_back(self, room: Room) -> None:
        self._free.append(room)
