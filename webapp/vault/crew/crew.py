"""The parent's side: forks the hands, gives them shards, and does what they ask for."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from mmap import mmap

from webapp.vault.crew import forks
from webapp.vault.crew.hand import (
    ANSWER,
    CLAIM,
    END,
    ERROR,
    PACK,
    ROWS,
    SHARD,
    SPACE,
    Craft,
    Hand,
)  # fmt: skip
from webapp.vault.crew.wires import HungUp, Message, Post, Wire
from webapp.vault.errors import HelperLost, VaultError
from webapp.vault.packs import DATA, HALF_BYTES, PackInfo, shared_buffer

MOST_HANDS = 3
_SPARE = 1  # memory for packs that are stored, besides those that hands fill
_MOST_AHEAD = 3  # shards that a hand may have
_TICK_MS = 100
Work = list[tuple[bytes, tuple[int, ...]]]  # paths, and what was seen there
Done = Callable[[Sequence[bytes | None]], None]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the parent does for its hands.

    Attributes:
        claim: says of each id whether its chunk is new, once only for each.
        store: has a pack stored, and calls back, in another thread, when its memory is free.
        salt: 32 random bytes.
        waiting: called now and then; may raise.
    """

    claim: Callable[[bytes], bytes]
    store: Callable[[PackInfo, memoryview, Callable[[], None]], None]
    salt: Callable[[], bytes]
    waiting: Callable[[], None]


@dataclass(kw_only=True)
class _Fork:
    process: int
    post: Post
    given: dict[int, tuple[int, Done]] = field(default_factory=dict)
    bytes_ahead: int = 0
    is_done: bool = False


class Crew:
    """All hands of one backup. Nothing is forked before ``begin``."""

    def __init__(self, craft: Craft, desk: Desk, *, most: int = MOST_HANDS) -> None:
        self._craft, self._desk, self._most = craft, desk, most
        self._forks: list[_Fork] = []
        self._spaces: list[mmap] = []
        self._freed: deque[int] = deque()
        self._wanting: deque[_Fork] = deque()
        self._is_over = False
        self._count = 0
        self._wake, self._woken = -1, -1
        self._lock = threading.Lock()

    @property
    def may_help(self) -> bool:
        """Whether there are hands, or may be."""
        return bool(self._forks) or not self._is_over

    @property
    def is_at_work(self) -> bool:
        return bool(self._forks)

    def begin(self) -> bool:
        """Fork, if that is possible now; say whether there are hands."""
        if self._forks or self._is_over:
            return self.is_at_work
        count = min(forks.cores(), self._most)
        if count >= 2 and forks.may_fork():
            with suppress(OSError):  # so many processes, or so much memory, are not to be had
                self._begin(count)
        if not self._forks:
            self._end()
        return self.is_at_work

    def _begin(self, count: int) -> None:
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._spaces = [shared_buffer(HALF_BYTES) for _ in range(count + _SPARE)]
        self._freed.extend(range(len(self._spaces)))
        gc.freeze()  # collecting would write to memory that is shared with the forks
        with forks.undisturbed():
            for _ in range(count):
                self._fork()

    def give(self, work: Work, size_bytes: int, done: Done) -> None:
        """Have files read; *done* is told of their rows during some later call."""
        while not (able := [one for one in self._forks if len(one.given) < _MOST_AHEAD]):
            self.attend()
        one = min(able, key=lambda fork: fork.bytes_ahead)
        self._count += 1
        one.given[self._count] = size_bytes, done
        one.bytes_ahead += size_bytes
        one.post.send(SHARD, self._count, work)

    def attend(self, timeout_ms: int = _TICK_MS) -> None:
        """Do what the hands ask for; wait for that if there is nothing yet."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        for one in self._forks:
            if not one.is_done:
                more = select.POLLOUT if one.post.has_more else 0
                poll.register(one.post.fileno(), select.POLLIN | more)
        ready = {number for number, _ in poll.poll(timeout_ms)}
        if self._woken in ready:
            os.read(self._woken, 4096)
        self._give_spaces()
        for one in self._forks:
            if one.post.fileno() in ready:
                self._serve(one)
        if timeout_ms:
            self._desk.waiting()

    def finish(self) -> None:
        """Have them end; return when all that they packed has been handed on."""
        for one in self._forks:
            one.post.send(END)
        while not all(one.is_done for one in self._forks):
            self.attend()
        self._end()

    def abort(self) -> None:
        """End them at once. Safe to call twice."""
        for one in self._forks:
            os.kill(one.process, signal.SIGKILL)
        self._end()

    def _fork(self) -> None:
        ours = [self._woken, self._wake, *(one.post.fileno() for one in self._forks)]
        work = partial(_work, self._craft, self._spaces)
        process, end = forks.fork(work, ours=ours)
        one = _Fork(process=process, post=Post(end))
        self._forks.append(one)
        self._wanting.append(one)
        self._give_spaces()

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._wake >= 0:
                os.close(self._wake)
                os.close(self._woken)
                self._wake = -1
                gc.unfreeze()
        while self._forks:
            one = self._forks.pop()
            one.post.close()
            os.waitpid(one.process, 0)

    def _serve(self, one: _Fork) -> None:
        one.post.flush()
        try:
            for message in one.post.receive():
                self._hear(one, message)
        except HungUp:
            if not one.is_done:
                raise HelperLost(self._fate(one)) from None

    def _hear(self, one: _Fork, message: Message) -> None:
        kind = message[0]
        if kind == ROWS:
            self._take(one, *message[1:])
        elif kind == CLAIM:
            one.post.send(ANSWER, self._desk.claim(message[1]))
        elif kind == PACK:
            self._store(one, *message[1:])
        elif kind == ERROR:
            raise pickle.loads(message[1])  # noqa: S301 - from our own fork
        elif kind == END:
            one.is_done = True

    def _take(
        self, one: _Fork, number: int, rows: Sequence[bytes | None], identities: bytes
    ) -> None:
        one.post.send(ANSWER, self._desk.claim(identities))
        size_bytes, done = one.given.pop(number)
        one.bytes_ahead -= size_bytes
        done(rows)

    def _store(
        self, one: _Fork, number: int, name: str, salt: bytes, size: int, catalogue: bytes
    ) -> None:
        info = PackInfo(name=name, salt=salt, kind=DATA, size_bytes=size, catalogue=catalogue)
        data = memoryview(self._spaces[number])[:size]
        self._desk.store(info, data, partial(self._free, number))
        self._wanting.append(one)

    def _free(self, number: int) -> None:
        """In a storing thread, perhaps when all is over."""
        self._freed.append(number)
        with self._lock, suppress(BlockingIOError):
            if self._wake >= 0:
                os.write(self._wake, b".")

    def _give_spaces(self) -> None:
        """To those that wait for one; who comes to its end may still need one."""
        while self._freed and self._wanting:
            one = self._wanting.popleft()
            if not one.is_done:
                one.post.send(SPACE, self._freed.popleft(), self._desk.salt())

    def _fate(self, one: _Fork) -> str:
        self._forks.remove(one)
        one.post.close()
        _, status = os.waitpid(one.process, 0)
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        return (
            f"A helper process of this backup ended {how}, perhaps for lack of memory. Nothing "
            "became visible. Run it again: what is stored already is not stored twice."
        )


def _work(craft: Craft, spaces: Sequence[mmap], end: socket.socket) -> None:
    """All that a fork does."""
    wire = Wire(end)
    try:
        Hand(craft, wire, spaces).run()
    except (HungUp, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone
    except Exception as error:
        wire.send(ERROR, _portable(error))


def _portable(error: Exception) -> bytes:
    try:
        told = pickle.dumps(error)
        pickle.loads(told)  # noqa: S301 - just made here
    except Exception:
        return pickle.dumps(VaultError(f"{type(error).__name__}: {error}"))
    return told
