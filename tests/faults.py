"""A storage that fails, as seeded or as told.

    FaultyStorage(inner, seed=3, odds=12)            one call in twelve fails, before or after it
    faulty.on("put", "packs/", Fault(Kind.AFTER))    the next such call, and only that one
    FaultyStorage(inner, stop_at=17)                 a crash: the 17th call and all later ones
    FaultyStorage(inner, stale_seconds=30, monotonic=clock)   lists are 30 seconds behind

``calls`` holds what was called. ``arrive`` lets come what a network held back; ``take`` hands it
over, and the ``bring`` of another storage lets it come in the middle of what that one does.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from webapp.vault.errors import (
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage.base import Storage, StoredObject


class Crashed(BaseException):
    """The process is gone: from here on this storage does nothing for it any more."""


class Kind(Enum):
    """When a call fails, and what it did by then."""

    BEFORE = auto()  # it did nothing
    AFTER = auto()  # it did all of its work: the outcome is unknown
    SHORT = auto()  # a put that wrote half: no promise of a storage, but broken ones do it
    LATE = auto()  # it fails now; a put or delete takes effect when it ``arrive``s
    AGAIN = auto()  # it works, and a put or delete ``arrive``s once more
    SLOW = auto()  # it works, after ``slow_seconds``


@dataclass(frozen=True)
class Fault:
    kind: Kind
    error: type[StorageError] = StorageUnavailable


@dataclass(frozen=True)
class Effect:
    """What a call was to do: ``act``, whenever that may be."""

    call: str
    name: str
    act: Callable[..., Any]

    def happen(self) -> None:
        with suppress(StorageError):
            self.act()


BY_CHANCE = tuple(
    Fault(kind, error)
    for kind in (Kind.BEFORE, Kind.AFTER)
    for error in (StorageFull, StorageUnavailable, StorageError)
)


class FaultyStorage:
    """Wraps a storage.

    Args:
        odds: one call in so many fails; 0 for none. May be set later.
        faults: what is drawn from.
        stop_at: the number of the call, from 1, at which the process crashes.
        stop_late: that call still does its work.
        stale_seconds: lists show what was there so long ago; said by ``settle_seconds``.
    """

    slow_seconds = 60.0

    def __init__(
        self,
        inner: Storage,
        *,
        seed: int = 0,
        odds: int = 0,
        faults: Iterable[Fault] = BY_CHANCE,
        stop_at: int | None = None,
        stop_late: bool = False,
        stale_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.inner, self.odds, self.faults = inner, odds, tuple(faults)
        self.stop_at, self.stop_late = stop_at, stop_late
        self.settle_seconds = max(stale_seconds, inner.settle_seconds)
        self.calls: list[tuple[str, str]] = []
        self._draw = random.Random(seed)
        self._stale, self._monotonic, self._sleep = stale_seconds, monotonic, sleep
        self._told: list[tuple[str, str, Fault]] = []
        self._held_back: list[Effect] = []
        self._coming: list[tuple[int, Effect]] = []
        self._changes: list[tuple[float, StoredObject, bool]] = []
        self._lock = threading.RLock()

    @property
    def parallel_puts(self) -> int:
        return self.inner.parallel_puts

    def on(self, call: str, prefix: str, fault: Fault, *, times: int = 1) -> None:
        """The next *times* calls of that kind on names with *prefix* fail so, before any odds."""
        self._told += [(call, prefix, fault)] * times

    def arrive(self) -> int:
        """All that was held back takes effect now, in the order of its sending; how many."""
        held = self.take()
        for effect in held:
            effect.happen()
        return len(held)

    def take(self) -> list[Effect]:
        """What is held back and what was to come yet; from now on it is the caller's."""
        with self._lock:
            held = [*self._held_back, *(effect for _, effect in self._coming)]
            self._held_back, self._coming = [], []
        return held

    def bring(self, effect: Effect, *, at: int) -> None:
        """*effect* happens just before the call of this number, from 1."""
        self._coming.append((at, effect))

    def put(self, name, data) -> None:
        data = bytes(data)
        self._call(
            "put", name, lambda part=data: self._put(name, part), half=data[: len(data) // 2]
        )

    def get(self, name, *, offset=0, length=None) -> bytes:
        return self._call("get", name, lambda: self.inner.get(name, offset=offset, length=length))

    def list(self, prefix) -> Iterator[StoredObject]:
        return iter(self._call("list", prefix, lambda: self._list(prefix)))

    def delete(self, name) -> None:
        self._call("delete", name, lambda: self._delete(name))

    def now_ns(self) -> int:
        return self._call("now_ns", "", self.inner.now_ns)

    def extend_retention(self, names, now_ns) -> int:
        names = [*names]
        act = lambda: self.inner.extend_retention(names, now_ns)  # noqa: E731
        return self._call("extend_retention", "", act)

    def sweep(self, now_ns) -> int:
        return self._call("sweep", "", lambda: self.inner.sweep(now_ns))

    def close(self) -> None:
        self.inner.close()

    def _call(self, call, name, act, *, half=None):
        for effect in self._due():
            effect.happen()
        with self._lock:
            fault = self._next_fault(call, name)
            stopping = self.stop_at is not None and len(self.calls) >= self.stop_at
            if stopping and not (self.stop_late and len(self.calls) == self.stop_at):
                raise Crashed(f"call {len(self.calls)}: {call} {name}")
        if fault is not None:
            return self._fail(fault, Effect(call, name, act), half=half)
        result = act()
        if stopping:
            raise Crashed(f"call {len(self.calls)}: {call} {name}, when it was done")
        return result

    def _next_fault(self, call: str, name: str) -> Fault | None:
        self.calls.append((call, name))
        for number, (told_call, prefix, fault) in enumerate(self._told):
            if told_call == call and name.startswith(prefix):
                del self._told[number]
                return fault
        if self.odds and self._draw.randrange(self.odds) == 0:
            return self._draw.choice(self.faults)
        return None

    def _due(self) -> list[Effect]:
        with self._lock:
            number = len(self.calls) + 1
            due = [effect for at, effect in self._coming if at <= number]
            self._coming = [(at, effect) for at, effect in self._coming if at > number]
        return due

    def _fail(self, fault: Fault, effect: Effect, *, half):
        changes = effect.call in ("put", "delete")
        if fault.kind is Kind.SLOW:
            self._sleep(self.slow_seconds)
            return effect.act()
        if fault.kind is Kind.AGAIN:
            result = effect.act()
            if changes:
                self._held_back.append(effect)
            return result
        if fault.kind is Kind.AFTER:
            effect.act()
        elif fault.kind is Kind.SHORT and half is not None:
            effect.act(half)
        elif fault.kind is Kind.LATE and changes:
            self._held_back.append(effect)
        raise fault.error(f"a fault, {fault.kind.name.lower()} a {effect.call}")

    def _put(self, name: str, data: bytes) -> None:
        self.inner.put(name, data)
        self._note(StoredObject(name, len(data)), was_put=True)

    def _delete(self, name: str) -> None:
        gone = [one for one in self.inner.list(name) if one.name == name] if self._stale else []
        self.inner.delete(name)
        for one in gone:
            self._note(one, was_put=False)

    def _note(self, item: StoredObject, *, was_put: bool) -> None:
        if self._stale:
            with self._lock:
                self._changes.append((self._monotonic(), item, was_put))

    def _list(self, prefix: str) -> list[StoredObject]:
        found = {one.name: one for one in self.inner.list(prefix)}
        with self._lock:
            for at, item, was_put in reversed(self._changes):
                if self._monotonic() - at >= self._stale or not item.name.startswith(prefix):
                    continue
                if was_put:
                    found.pop(item.name, None)
                else:
                    found[item.name] = item
        return sorted(found.values())
