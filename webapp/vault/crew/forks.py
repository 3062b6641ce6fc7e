"""Forking safely: when it may be done, and how a fork ends with its parent."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

_SIGNAL_AT_PARENTS_DEATH = 1
_OURS_TO_IGNORE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def may_fork() -> bool:
    """Whether this process may be forked: in one with threads, a lock could stay taken for good."""
    return threading.active_count() == 1 and threading.current_thread() is threading.main_thread()


def cores() -> int:
    """On how many this process may run."""
    return len(os.sched_getaffinity(0))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Around forking: signals wait, so that none finds a fork half made."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS_TO_IGNORE)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork(
    work: Callable[[socket.socket], None], *, ours: Iterable[int]
) -> tuple[int, socket.socket]:
    """Fork a process that does *work* and ends; return its id, and our end of a pair of sockets.
    To be called ``undisturbed``.

    Args:
        ours: descriptors that the fork must close.
    """
    here, there = socket.socketpair()
    parent = os.getpid()
    try:
        process = os.fork()
    except OSError:
        here.close()
        there.close()
        raise
    if process == 0:
        _be_child(parent, [here.fileno(), *ours], lambda: work(there))
    there.close()
    return process, here


def _be_child(parent: int, ours: Iterable[int], work: Callable[[], None]) -> NoReturn:
    try:
        _die_with(parent)
        gc.disable()  # it would only copy memory that is shared with the parent
        for descriptor in ours:
            os.close(descriptor)
        work()
    finally:
        os._exit(0)


def _die_with(parent: int) -> None:
    """End with the parent, however that ends; it alone hears signals that end a backup."""
    for number in _OURS_TO_IGNORE:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS_TO_IGNORE)
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
