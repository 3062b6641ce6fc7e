"""What every place that holds a vault promises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

Buffer = bytes | bytearray | memoryview
_NAME = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)*")


class StoredObject(NamedTuple):
    name: str
    size_bytes: int


class Storage(Protocol):
    """A flat set of named, write-once objects.

    An implementation promises: a ``put`` is whole or absent, never partial; when ``put`` returns,
    the object and its name survive a loss of power, and every later ``get`` and ``list`` sees it;
    and every failure is one of ``vault.errors``, never an ``OSError`` or a client library's own.
    All methods may be called from several threads at once.

    Attributes:
        parallel_puts: how many puts at a time make it faster.
        settle_seconds: how long it may take until every ``list`` shows what was put or deleted;
            0.0 where every list after it does.
    """

    @property
    def parallel_puts(self) -> int: ...

    @property
    def settle_seconds(self) -> float: ...

    def put(self, name: str, data: Buffer) -> None:
        """Store *data*.

        Raises:
            ObjectExists: the name is taken; the old object stays.
            StorageFull: no space; nothing is left of the attempt.
        """

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """Read *length* bytes from *offset*, or to the end; ``ObjectMissing`` if absent.

        A range past the end gives the bytes that there are: the caller checks the length.
        """

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose name starts with *prefix*, in name order.

        Files and keys of others, whose names no ``put`` takes, are left out.
        """

    def delete(self, name: str) -> None:
        """Remove the object; ``ObjectMissing`` if absent, ``StorageLocked`` if it must stay yet."""

    def now_ns(self) -> int:
        """The time by the storage's own clock, in nanoseconds since 1970. May be full seconds."""

    def extend_retention(self, names: Iterable[str], now_ns: int) -> int:
        """Lock objects that are still needed for longer; return how many were.

        Does something only where objects are locked against deletion, and only to those of
        which less than a third of the time is left.
        """

    def sweep(self, now_ns: int) -> int:
        """Remove what killed processes left behind, such as half an upload; return how much."""

    def close(self) -> None:
        """End connections and helper processes. Safe to call twice."""


@runtime_checkable
class Forkable(Protocol):
    """A storage that forks of this process may read, too."""

    def forked(self) -> None:
        """To be called in a fork before anything else: it shares no connection with others."""


def innermost(storage: Storage) -> Storage:
    """The storage itself, below what repeats its calls."""
    inner: Storage = getattr(storage, "inner", storage)
    return inner


class Steady:
    """What a storage says that is neither remote, locked nor late with its lists."""

    parallel_puts = 1
    settle_seconds = 0.0

    def extend_retention(self, names: Iterable[str], now_ns: int) -> int:
        return 0

    def sweep(self, now_ns: int) -> int:
        return 0

    def close(self) -> None:
        """Nothing to end."""


def is_name(name: str) -> bool:
    return len(name) <= 200 and _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return *name* if every storage can hold it: ``[a-z0-9-]`` parts, ``/`` between them."""
    if not is_name(name):
        raise ValueError(f"not an object name: {name!r}")
    return name
