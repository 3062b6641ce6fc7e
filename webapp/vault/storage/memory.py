"""A vault in memory, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from webapp.vault.errors import ObjectExists, ObjectMissing
from webapp.vault.storage.base import Buffer, Steady, StoredObject, check_name


class MemoryStorage(Steady):
    """A ``Storage`` that forgets everything when it goes."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.objects: dict[str, bytes] = {}
        self._now_ns = now_ns
        self._lock = threading.Lock()

    def put(self, name: str, data: Buffer) -> None:
        with self._lock:
            if check_name(name) in self.objects:
                raise ObjectExists(name)
            self.objects[name] = bytes(data)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        try:
            data = self.objects[check_name(name)]
        except KeyError:
            raise ObjectMissing(name) from None
        return data[offset:] if length is None else data[offset : offset + length]

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with self._lock:
            found = [(name, len(data)) for name, data in self.objects.items()]
        for name, size_bytes in sorted(found):
            if name.startswith(prefix):
                yield StoredObject(name, size_bytes)

    def delete(self, name: str) -> None:
        with self._lock:
            if self.objects.pop(check_name(name), None) is None:
                raise ObjectMissing(name)

    def now_ns(self) -> int:
        return self._now_ns()
