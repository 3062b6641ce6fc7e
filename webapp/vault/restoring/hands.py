"""Other processes that carry small files: Python uses one core at a time, and they are many.

Each is a fork of this process. Units (a stretch of a pack and the rows of the files that need it)
lie in memory that all of them see; whoever is free reads the number of the next one from a pipe.
So nothing has to be said to them while this process looks for what comes next. What they cannot
do is done here once more, so that the error is raised where somebody hears it; if one of them
dies, all are sent away.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import mmap
import os
import select
import signal
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from webapp.vault.restoring.lots import Lot, Room
from webapp.vault.restoring.messages import (
    Answer,
    packed,
    packed_answer,
    receive,
    send,
    unpacked,
    unpacked_answer,
)
from webapp.vault.restoring.ranges import Range
from webapp.vault.storage.base import Forkable, Storage, innermost

UNIT_BYTES = 4 << 20
REMOTE_UNIT_BYTES = 8 << 20  # each question costs an answer's way
UNIT_TAKERS = 2_000
LOTS = 2  # under way at the same time
_ORDER = struct.Struct("<QQQQ")  # unit, room, offset, length: pipes take and give it in one piece
_NUMBER = struct.Struct("<Q")
_SIGNAL_AT_PARENTS_DEATH = 1
_TICK_MS = 100


def can_help(storage: Storage) -> bool:
    """Whether forks of this process could read *storage*, and forking is safe now."""
    may_read = isinstance(innermost(storage), Forkable)
    return may_read and threading.active_count() == 1 and (os.cpu_count() or 1) > 1


class Hand:
    """One forked process, which serves until it hears of no more.

    Args:
        serve: called there with the pipe for the answers.
    """

    def __init__(self, serve: Callable[[int], None]) -> None:
        self.answers, there_writes = os.pipe()
        parent = os.getpid()
        try:
            self._process = os.fork()
        except OSError:
            os.close(self.answers)
            os.close(there_writes)
            raise
        if self._process == 0:
            try:
                os.close(self.answers)
                _die_with(parent)
                serve(there_writes)
            finally:
                os._exit(0)
        os.close(there_writes)

    def close(self) -> None:
        """Wait until it has ended; it was told to."""
        os.close(self.answers)
        os.waitpid(self._process, 0)


class Hands:
    """Some of them, at work together.

    Args:
        work: does one unit there, and returns what ``marshal`` can write.
        began: told in each process of its number.
        absorb: told here what ``work`` has returned there.

    Raises:
        OSError: this machine allows no more processes, or no memory that they share.
    """

    def __init__(
        self,
        count: int,
        *,
        work: Callable[[Range], Answer],
        began: Callable[[int], None],
        absorb: Callable[[Answer], None],
    ) -> None:
        self._absorb = absorb
        self._numbers = itertools.count()
        self._rooms = [Room(number) for number in range(LOTS)]
        self._next_rooms = itertools.cycle(self._rooms)
        self._stopped = mmap.mmap(-1, mmap.PAGESIZE)
        self._orders, self._to = os.pipe()
        os.set_blocking(self._to, False)
        self._unsent: deque[bytes] = deque()
        self._lots: dict[int, Lot] = {}
        self._hands: list[Hand] = []
        self.has_lost = False
        try:
            for number in range(1, count + 1):
                self._hands.append(Hand(partial(self._serve, partial(began, number), work)))
        except OSError:
            self.close()
            raise

    def give(self, units: Iterator[Range]) -> Lot:
        """Let all *units* be done. At most ``LOTS`` at a time."""
        lot = Lot(next(self._next_rooms))
        lot.room.clear()
        for unit in units:
            number = next(self._numbers)
            spot = lot.add(number, packed(unit))
            if self._hands:
                self._lots[number] = lot
                self._unsent.append(_ORDER.pack(number, lot.room.number, *spot))
                self._send()
        return lot

    def wait(self, lot: Lot, on_wait: Callable[[], None]) -> None:
        """Wait until all of a lot is done that will be."""
        while lot.awaited and self._hands:
            self.listen(_TICK_MS)
            on_wait()

    def listen(self, milliseconds: int = 0) -> None:
        """Hear what was done since, and let them have more."""
        if not self._hands:
            return
        poll = select.poll()
        for hand in self._hands:
            poll.register(hand.answers, select.POLLIN)
        if self._unsent:
            poll.register(self._to, select.POLLOUT)
        ready = {descriptor for descriptor, _ in poll.poll(milliseconds)}
        for hand in self._hands:
            if hand.answers in ready and not self._hear(hand):
                self._lose()
                return
        self._send()

    def close(self) -> None:
        """End them, whatever they still have to do. Safe to call twice."""
        self._send_away()
        while self._hands:
            self._hands.pop().close()
        while self._rooms:
            self._rooms.pop().close()
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1

    def _send(self) -> None:
        with suppress(BlockingIOError):
            while self._unsent:
                os.write(self._to, self._unsent[0])
                self._unsent.popleft()

    def _hear(self, hand: Hand) -> bool:
        """Take an answer; False if there will be none."""
        message = receive(hand.answers)
        if message is None:
            return False
        (number,) = _NUMBER.unpack_from(message)
        lot, told = self._lots.pop(number), message[_NUMBER.size :]
        lot.heard_of(number, is_done=bool(told))
        if told:
            self._absorb(unpacked_answer(told))
        return True

    def _lose(self) -> None:
        """One is dead. What the others do now counts, and then all of them are gone: nobody
        knows what it had in its hands, so what is not done by then is."""
        self.has_lost = True
        self._send_away()
        while self._hands:
            while self._hear(self._hands[-1]):
                pass
            self._hands.pop().close()

    def _send_away(self) -> None:
        self._stopped[0] = 1
        self._unsent.clear()
        if self._to >= 0:
            os.close(self._to)
            self._to = -1

    def _serve(
        self, began: Callable[[], None], work: Callable[[Range], Answer], writing: int
    ) -> None:
        """In another process: do one unit after the other."""
        os.close(self._to)
        for other in self._hands:
            os.close(other.answers)
        began()
        gc.freeze()  # what is of before is not looked through, and its memory stays shared
        while len(order := os.read(self._orders, _ORDER.size)) == _ORDER.size:
            if self._stopped[0]:
                return
            number, room, offset, length = _ORDER.unpack(order)
            try:
                told = packed_answer(work(unpacked(self._rooms[room].read(offset, length))))
            except Exception:
                told = b""
            send(writing, _NUMBER.pack(number) + told)


def _die_with(parent: int) -> None:
    """End with the parent, however that ends; only the parent hears Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
