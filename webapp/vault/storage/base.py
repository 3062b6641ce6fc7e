"""What every place that holds a vault promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

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
    """

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
        """Every object whose name starts with *prefix*, in name order."""

    def delete(self, name: str) -> None:
        """Remove the object; ``ObjectMissing`` if absent."""

    def now_ns(self) -> int:
        """The time by the storage's own clock, in nanoseconds since 1970."""


def check_name(name: str) -> str:
    """Return *name* if every storage can hold it: ``[a-z0-9-]`` parts, ``/`` between them."""
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise ValueError(f"not an object name: {name!r}")
    return name
