"""What a program writes to its output as a source of one file: a dump that needs no disk."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from webapp.errors import ConnectorError, Invalid
from webapp.items import Entry, EntryKind, Json, is_safe

SECTION = b"tree"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Attributes:
    name: where it lies in the snapshot, such as ``/dumps/shop.sql``.
    command: whose output it is; empty for this process's own input.
    """

    name: str
    command: tuple[str, ...] = ()

    @property
    def path(self) -> bytes:
        """Its path in the snapshot. Raises ``Invalid`` if that cannot be."""
        below = os.fsencode(self.name).strip(b"/")
        if not below or not is_safe(below):
            raise Invalid({"name": f"{self.name!r} is no name for a file in a snapshot."})
        return SECTION + b"/" + below


class StreamSource:
    """An ``EntrySource`` of the folders on the way, and the file. Close it after use."""

    def __init__(self, stream: Stream, *, now_ns: int | None = None) -> None:
        self._path, self._command = stream.path, stream.command
        self._now_ns = time.time_ns() if now_ns is None else now_ns
        self._running: _Output | None = None
        self._is_read = False

    def entries(self) -> Iterator[Entry]:
        parts = self._path.split(b"/")
        for count in range(1, len(parts)):
            yield self._entry(b"/".join(parts[:count]), EntryKind.FOLDER, 0o755)
        yield self._entry(self._path, EntryKind.FILE, 0o600)

    def open(self, entry: Entry) -> BinaryIO:
        """What comes, once. Raises ``ConnectorError`` if it cannot be had or is asked for twice."""
        if self._is_read:
            raise ConnectorError("read_error", "A stream can be read only once. Run it again.")
        self._is_read = True
        if not self._command:
            return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
        self._running = _Output(self._command)
        return self._running  # type: ignore[return-value]

    def facts(self) -> Mapping[str, Json]:
        return {}

    def close(self) -> None:
        if self._running is not None:
            self._running.stop()

    def _entry(self, path: bytes, kind: EntryKind, mode: int) -> Entry:
        return Entry(
            path=path,
            kind=kind,
            mode=mode,
            uid=os.getuid(),
            gid=os.getgid(),
            mtime_ns=self._now_ns,
        )


class _Output(io.RawIOBase):
    """What a command writes. Its end counts only if the command ended well: half a dump must not
    look like a dump."""

    def __init__(self, command: tuple[str, ...]) -> None:
        super().__init__()
        self._called = shlex.join(command)
        try:
            self._child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            why = f"{self._called} cannot be run: {error.strerror}."
            raise ConnectorError("read_error", why) from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        assert self._child.stdout is not None
        got: int = self._child.stdout.readinto(buffer)  # type: ignore[attr-defined]
        if not got and self._child.wait():
            raise ConnectorError(
                "read_error",
                f"{self._called} ended with code {self._child.returncode}, so nothing was kept.",
            )
        return got

    def stop(self) -> None:
        """End the command if it still runs; nobody wants its output any more."""
        if self._child.poll() is None:
            self._child.terminate()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
