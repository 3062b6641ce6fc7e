"""A process that has everything loaded and forks workers and schedulers, each on a host of its own.

A start from nothing costs seconds of a busy machine, nearly all of it for imports; hundreds are
killed. What is forked has a session, a network and a name of its own, and shares nothing.

Requests and answers are lines of JSON on stdin and stdout:

    {"start": ["worker", …], "host": "worker1", "log": "/tmp/log", "environ": {…}}  ->  {"pid": 17}
    {"ask": 17}  ->  {"code": null}, and once it is dead {"code": -9}
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

_NEW_NETWORK_AND_NAME = 0x40000000 | 0x04000000  # CLONE_NEWNET, CLONE_NEWUTS
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Nursery:
    """``with Nursery() as nursery: nursery.start(…)``. What it forked dies with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.nursery"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()  # it says hello when all is loaded

    def start(self, *words: str, host: str, log: Path, environ: dict[str, str]) -> Child:
        answer = self.ask({"start": words, "host": host, "log": str(log), "environ": environ})
        return Child(self, answer["pid"])

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.communicate("")

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))


class Child:
    """What was forked."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """How it ended, below zero by a signal; None if it lives."""
        if self._code is None:
            self._code = self._nursery.ask({"ask": self.pid})["code"]
        return self._code

    def wait(self, *, seconds: float = 30.0) -> int:
        end = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < end, f"process {self.pid} does not end"
            time.sleep(0.02)
        return code

    def send(self, number: signal.Signals) -> None:
        if self.poll() is None:  # the dead one's number stays its own until it is asked for
            os.kill(self.pid, number)


def main() -> None:
    from webapp.cli import logs, starting
    from webapp.jobs import scheduler, worker

    assert all((logs, starting, scheduler, worker))
    _say({})
    for line in sys.stdin:
        _say(_answer_to(**json.loads(line)))


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _answer_to(ask: int = 0, **wanted: Any) -> dict[str, Any]:
    if ask:
        pid, status = os.waitpid(ask, os.WNOHANG)
        return {"code": os.waitstatus_to_exitcode(status) if pid else None}
    pid = os.fork()
    if not pid:
        _become(**wanted)
    return {"pid": pid}


def _become(start: list[str], host: str, log: str, environ: dict[str, str]) -> None:
    """In the child: be that process, and never come back."""
    try:
        os.setsid()
        libc = ctypes.CDLL(None)
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if libc.unshare(_NEW_NETWORK_AND_NAME) == 0:  # where this machine lets us
            socket.sethostname(host)
        _connect(log)
        os.environ.clear()
        os.environ.update(environ)
        from tests.torture import doomed

        doomed.main(*start)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(70)


def _connect(log: str) -> None:
    """Nothing to read, and what is written goes to a file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, place in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(descriptor, place)


if __name__ == "__main__":
    main()
