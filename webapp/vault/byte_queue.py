"""A queue between threads that is bounded in bytes, so that memory is."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
TICK_SECONDS = 0.1


class Stopped(Exception):
    """The pipeline was stopped; the reason is elsewhere."""


class ByteQueue(Generic[T]):
    """A queue between threads, bounded by the bytes in it; one item always fits."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._ended = self._stopped = False
        self._changed = threading.Condition()

    def put(self, item: T, size_bytes: int, waiting: Callable[[], None] | None = None) -> None:
        """Add *item*; while there is no room, call *waiting* now and then."""
        while True:
            with self._changed:
                if self._stopped:
                    raise Stopped
                if not self._bytes or self._bytes + size_bytes <= self._limit or not size_bytes:
                    self._items.append((item, size_bytes))
                    self._bytes += size_bytes
                    self._changed.notify_all()
                    return
                self._changed.wait(TICK_SECONDS)
            if waiting is not None:
                waiting()

    def get(self) -> T | None:
        """The next item; None when there will be none."""
        with self._changed:
            while not self._items:
                if self._stopped:
                    raise Stopped
                if self._ended:
                    return None
                self._changed.wait()
            item, size_bytes = self._items.popleft()
            self._bytes -= size_bytes
            self._changed.notify_all()
            return item

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()
