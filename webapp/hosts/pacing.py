"""A budget of bytes a second for all who read on this machine: token buckets in small files.

A bucket is a file, so that threads, forks and other worker processes draw from one; the file's
lock is held for microseconds and never while somebody waits. Who has read more than there was
owes it, and waits until the rate has paid for it: so the budget holds over some seconds, whoever
reads, and however many.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

BURST_SECONDS = 0.5  # how much of the budget may be saved up while nobody reads
_FINE, _COARSE = 128 * 1024, 1024 * 1024  # bytes between two looks, with a limit and without


class _State(NamedTuple):
    """``at``: by the clock of this boot, which all processes of this machine share."""

    boot: bytes
    rate: float  # bytes a second; 0 is no limit
    tokens: float  # below 0: owed
    at: float


_LAYOUT = struct.Struct("<16sddd")


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One budget. There is no limit until a rate is set."""

    path: Path
    monotonic: Callable[[], float] = time.monotonic

    def set_rate(self, bytes_per_second: int | None) -> None:
        """Set what may be read a second; None lifts the limit. What is owed stays owed."""
        if bytes_per_second is None and not self.path.exists():
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rate = float(bytes_per_second or 0)
        with _locked(self.path, os.O_RDWR | os.O_CREAT) as file:
            state = _read(file) or _State(_boot(), 0.0, 0.0, self.monotonic())
            if state.rate != rate:
                _write(file, self._now(state)._replace(rate=rate))

    def draw(self, size_bytes: int) -> float | None:
        """Take what was read out of the budget; for how many seconds to wait. None: no limit."""
        try:
            with _locked(self.path, os.O_RDWR) as file:
                state = _read(file)
                if state is None or not state.rate:
                    return None
                state = self._now(state)
                state = state._replace(tokens=state.tokens - size_bytes)
                _write(file, state)
        except FileNotFoundError:
            return None
        return max(0.0, -state.tokens / state.rate)

    def _now(self, state: _State) -> _State:
        """The same bucket, filled up to this moment."""
        now = self.monotonic()
        if not state.rate:
            return state._replace(tokens=0.0, at=now)
        came = max(now - state.at, 0.0) * state.rate
        tokens = min(state.tokens + came, max(state.rate * BURST_SECONDS, state.tokens))
        return state._replace(tokens=tokens, at=now)


class Pace:
    """Told of each stretch that was read; waits until every bucket allows it.

    Args:
        rest: waits for so many seconds; may raise, which stops the reading.
    """

    def __init__(self, buckets: Sequence[Bucket], *, rest: Callable[[float], None]) -> None:
        self._buckets, self._rest = buckets, rest
        self._read, self._step = 0, _FINE

    def __call__(self, size_bytes: int) -> None:
        self._read += size_bytes
        if self._read < self._step:
            return
        drawn, self._read = self._read, 0
        waits = [bucket.draw(drawn) for bucket in self._buckets]
        limited = [seconds for seconds in waits if seconds is not None]
        self._step = _FINE if limited else _COARSE
        if limited and max(limited) > 0:
            self._rest(max(limited))


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[int]:
    """The file, for this thread alone. Opened anew each time: a lock belongs to the opening, and
    forks would share one."""
    file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _read(file: int) -> _State | None:
    """None for a new file, and for one from before this machine was started anew."""
    data = os.pread(file, _LAYOUT.size, 0)
    if len(data) < _LAYOUT.size:
        return None
    state = _State(*_LAYOUT.unpack(data))
    return state if state.boot == _boot() else None


def _write(file: int, state: _State) -> None:
    os.pwrite(file, _LAYOUT.pack(*state), 0)


@cache
def _boot() -> bytes:
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        text = ""
    return text.replace("-", "").strip().encode()[:16].ljust(16, b"0")
