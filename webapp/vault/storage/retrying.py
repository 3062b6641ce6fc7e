"""Repeats what failed for the moment, and what nobody knows the outcome of."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from webapp.vault.errors import ObjectExists, ObjectMissing, StorageBusy, StorageError
from webapp.vault.storage.base import Buffer, Storage, StoredObject

T = TypeVar("T")
_TRIES = 8
_FIRST_SECONDS = 0.5
_FIRST_BUSY_SECONDS = 4.0
_LONGEST_SECONDS = 30.0


class Retrying:
    """A storage that tries again, up to eight times and about a minute, if that may help.

    A put whose outcome is unknown is repeated with the same name and bytes: finding them there
    is success. So is it if an object is gone that a delete of unknown outcome was for.
    """

    def __init__(self, inner: Storage, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._inner = inner
        self._sleep = sleep

    @classmethod
    def around(cls, storage: Storage, *, sleep: Callable[[float], None]) -> Retrying:
        """*storage* itself if it is one of these."""
        return storage if isinstance(storage, cls) else cls(storage, sleep=sleep)

    @property
    def inner(self) -> Storage:
        return self._inner

    @property
    def parallel_puts(self) -> int:
        return self._inner.parallel_puts

    @property
    def settle_seconds(self) -> float:
        return self._inner.settle_seconds

    def put(self, name: str, data: Buffer) -> None:
        def first() -> None:
            self._inner.put(name, data)

        def again() -> None:
            try:
                self._inner.put(name, data)
            except ObjectExists:
                if self._inner.get(name) != data:
                    raise

        self._repeat(first, again)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        return self._repeat(lambda: self._inner.get(name, offset=offset, length=length))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return iter(self._repeat(lambda: [*self._inner.list(prefix)]))

    def delete(self, name: str) -> None:
        def again() -> None:
            with suppress(ObjectMissing):
                self._inner.delete(name)

        self._repeat(lambda: self._inner.delete(name), again)

    def now_ns(self) -> int:
        return self._repeat(self._inner.now_ns)

    def extend_retention(self, names: Iterable[str], now_ns: int) -> int:
        wanted = [*names]
        return self._repeat(lambda: self._inner.extend_retention(wanted, now_ns))

    def sweep(self, now_ns: int) -> int:
        return self._repeat(lambda: self._inner.sweep(now_ns))

    def close(self) -> None:
        self._inner.close()

    def _repeat(self, first: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        act = first
        for number in range(_TRIES - 1):
            try:
                return act()
            except StorageError as error:
                if not error.retryable:
                    raise
                self._sleep(_wait_seconds(number, is_busy=isinstance(error, StorageBusy)))
            act = again or first
        return act()


def _wait_seconds(number: int, *, is_busy: bool) -> float:
    """Twice as long each time, and never the same for two who failed together."""
    longest = (_FIRST_BUSY_SECONDS if is_busy else _FIRST_SECONDS) * 2**number
    return min(longest, _LONGEST_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311
