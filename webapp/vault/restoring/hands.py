"""Other processes that carry small files: Python uses one core at a time, and they are many.

Each is a fork of this process and works on one unit after another: a stretch of a pack and the
rows of the files that need it. What it cannot do it hands back, and it is done here once more, so
that the error is raised where somebody hears it.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import signal
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from webapp.items import Fate
from webapp.vault.index import PackRow
from webapp.vault.restoring.pieces import Whole
from webapp.vault.restoring.ranges import Need, Range, Taker
from webapp.vault.storage.base import Storage
from webapp.vault.storage.local import LocalStorage

UNIT_BYTES = 4 << 20
_LENGTH = struct.Struct("<I")
_SIGNAL_AT_PARENTS_DEATH = 1
_TICK_SECONDS = 0.1
Answer = tuple[Any, ...]


def can_help(storage: Storage) -> bool:
    """Whether forks of this process could read *storage*, and forking is safe now."""
    is_local = isinstance(getattr(storage, "inner", storage), LocalStorage)
    return is_local and threading.active_count() == 1 and (os.cpu_count() or 1) > 1


class Hand:
    """One forked process.

    Args:
        work: does one unit there, and returns what ``marshal`` can write.
        begin: called there first.
    """

    def __init__(self, work: Callable[[Range], Answer], begin: Callable[[], None]) -> None:
        there_reads, self._to = os.pipe()
        self._from, there_writes = os.pipe()
        parent = os.getpid()
        self._process = os.fork()
        if self._process == 0:
            try:
                os.close(self._to)
                os.close(self._from)
                _die_with(parent)
                begin()
                _serve(there_reads, there_writes, work)
            finally:
                os._exit(0)
        os.close(there_reads)
        os.close(there_writes)

    def do(self, unit: Range) -> Answer | None:
        """Have one unit done; None if it was not."""
        try:
            _send(self._to, _packed(unit))
            answer = _receive(self._from)
        except OSError:
            return None
        return marshal.loads(answer) if answer else None  # noqa: S302 - from our own fork

    def close(self) -> None:
        """Let it end, and wait until it did."""
        os.close(self._to)
        os.close(self._from)
        os.waitpid(self._process, 0)


class Hands:
    """Some of them, at work together.

    Args:
        began: told in each process of its number.
    """

    def __init__(
        self, count: int, *, work: Callable[[Range], Answer], began: Callable[[int], None]
    ) -> None:
        self._hands: list[Hand] = []
        for number in range(1, count + 1):
            self._hands.append(Hand(work, partial(self._begin, number, began)))

    def _begin(self, number: int, began: Callable[[int], None]) -> None:
        for other in self._hands:  # their ends of pipes are not ours
            os.close(other._to)
            os.close(other._from)
        began(number)

    def carry(
        self,
        units: Iterator[Range],
        *,
        absorb: Callable[[Answer], None],
        on_wait: Callable[[], None],
    ) -> list[Range]:
        """Have all *units* done; return those that were not."""
        lock, left = threading.Lock(), deque[Range]()

        def feed(hand: Hand) -> None:
            while True:
                with lock:
                    unit = next(units, None)
                if unit is None:
                    return
                answer = hand.do(unit)
                with lock:
                    if answer is None:
                        left.append(unit)
                        return
                    absorb(answer)

        threads = [threading.Thread(target=feed, args=(one,), daemon=True) for one in self._hands]
        try:
            for thread in threads:
                thread.start()
            _wait(threads, on_wait)
        except BaseException:
            with lock:
                units = iter(())
            _wait(threads, lambda: None)
            raise
        return [*left, *units]

    def close(self) -> None:
        while self._hands:
            self._hands.pop().close()


def _wait(threads: list[threading.Thread], on_wait: Callable[[], None]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(_TICK_SECONDS)
            on_wait()


def _serve(reading: int, writing: int, work: Callable[[Range], Answer]) -> None:
    while (message := _receive(reading)) is not None:
        try:
            answer = marshal.dumps(work(_unpacked(message)))
        except Exception:
            answer = b""
        _send(writing, answer)


def _die_with(parent: int) -> None:
    """End with the parent, however that ends; only the parent hears Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _packed(unit: Range) -> bytes:
    needs = [
        (
            need.counter,
            need.offset,
            need.length,
            [(one.ordinal, one.ref, one.file.row, one.file.fate.value) for one in need.takers],
        )
        for need in unit.needs
    ]
    return marshal.dumps((tuple(unit.pack), needs))


def _unpacked(message: bytes) -> Range:
    pack, needs = marshal.loads(message)  # noqa: S302 - from our own parent
    return Range(PackRow(*pack), [_need(*one) for one in needs])


def _need(
    counter: int, offset: int, length: int, takers: list[tuple[int, bytes, bytes, str]]
) -> Need:
    waiting = [Taker(number, ref, Whole(row, Fate(fate)), 0) for number, ref, row, fate in takers]
    return Need(counter, offset, length, waiting)


def _send(descriptor: int, message: bytes) -> None:
    view = memoryview(_LENGTH.pack(len(message)) + message)
    while view:
        view = view[os.write(descriptor, view) :]


def _receive(descriptor: int) -> bytes | None:
    """The next message; None when there will be none."""
    head = _read(descriptor, _LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = _read(descriptor, length)
    return message if len(message) == length else None


def _read(descriptor: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(descriptor, length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
