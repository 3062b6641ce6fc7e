"""Child processes that live and die with their parent."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_PDEATHSIG = 1  # PR_SET_PDEATHSIG of prctl(2)
_LONGEST_PAUSE_SECONDS = 30.0
_SETTLED_SECONDS = 60.0


@dataclass
class Child:
    """One child and how often it died lately."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause_seconds: float = 1.0
    start_at: float = field(default=0.0)


class Supervisor:
    """Starts children, starts again what dies, and stops all of them."""

    def __init__(self, children: dict[str, list[str]]) -> None:
        self._children = [Child(name, arguments) for name, arguments in children.items()]
        self._stopping = False

    def run(self) -> None:
        """Until SIGINT or SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        while not self._stopping:
            for child in self._children:
                self._look_after(child)
            time.sleep(0.1)
        self._end_all()

    def _stop(self, *_signal: object) -> None:
        self._stopping = True

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at and not self._stopping:
                child.process, child.started = _start(child.arguments), now
        elif child.process.poll() is not None:
            if now - child.started > _SETTLED_SECONDS:
                child.pause_seconds = 1.0
            log.warning(
                "%s ended with %s; started again in %.0f s",
                child.name, child.process.returncode, child.pause_seconds,
            )  # fmt: skip
            child.process, child.start_at = None, now + child.pause_seconds
            child.pause_seconds = min(child.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    def _end_all(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + 8
        for process in running:
            try:
                process.wait(timeout=max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command, fixed arguments
        [sys.executable, "-m", "webapp.cli", *arguments],
        preexec_fn=_prepare_child(os.getpid()),
        stdin=subprocess.DEVNULL,
    )


def _prepare_child(parent: int):  # type: ignore[no-untyped-def]
    """The library is loaded before the fork: after it, little is safe to do."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        os.setpgid(0, 0)  # Ctrl-C reaches the parent only, which stops its children in order
        prctl(_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), signal.SIGTERM)

    return prepare
