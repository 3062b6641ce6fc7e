"""A process that has everything loaded and forks a ``lastgood`` for each request.

A start costs a quarter of a second; a fork costs milliseconds, and hundreds of kills are wanted.
What is killed is a process like any other: it runs the command's own ``main`` and shares nothing.

Requests and answers are lines of JSON on stdin and stdout:

    {"words": ["vault", "backup", …], "kill_after": 0.03, "kill_at": null, "log": "/tmp/log"}
    {"code": 0, "killed": false, "seconds": 0.05, "syncs": 12}

``kill_at`` is the number of an fsync: what is about to do it dies by SIGKILL in that moment. There
what is written is not yet durable, or a name not yet given, and hardly any time is spent there.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How one process ended; *code* is negative for a signal, *syncs* counts its fsyncs."""

    code: int
    killed: bool
    seconds: float
    said: str
    syncs: int = 0

    @property
    def data(self) -> Any:
        return json.loads(self.said.splitlines()[-1])


class Zygote:
    """The parent's side: ``with Zygote(environ) as zygote: zygote.run("vault", "ls", …)``."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.zygote"],
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()  # it says hello when all is loaded

    def run(
        self, *words: object, kill_after: float | None = None, kill_at: int | None = None
    ) -> Ended:
        """Run one command to its end, or to its death after so many seconds, or at an fsync."""
        request = {"words": [str(word) for word in words]}
        request |= {"kill_after": kill_after, "kill_at": kill_at}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**request, "log": str(self._log)}) + "\n")
        self._process.stdin.flush()
        return Ended(**self._answer(), said=self._log.read_text())

    def __enter__(self) -> Zygote:
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
        return json.loads(self._process.stdout.readline())


def main() -> None:
    _load()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    _say({})
    for line in sys.stdin:
        _say(_answer_to(**json.loads(line)))


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _load() -> None:
    """Import what commands import when they are used."""
    from importlib import import_module
    from importlib.util import find_spec

    from webapp.cli import vault

    for verb in vault.VERBS:
        if find_spec(f"webapp.cli.vault.{verb}"):
            import_module(f"webapp.cli.vault.{verb}")
    import_module("webapp.standalone.refusals")
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        import_module("boto3")


def _answer_to(
    words: Sequence[str], kill_after: float | None, kill_at: int | None, log: str
) -> dict[str, Any]:
    started = time.monotonic()
    syncs = mmap.mmap(-1, 4)  # shared with the child
    pid = os.fork()
    if not pid:
        _count_syncs(syncs, kill_at)
        _become(words, log)
    killed = False
    if kill_after is not None and not signal.sigtimedwait({signal.SIGCHLD}, kill_after):
        os.kill(pid, signal.SIGKILL)
        killed = True
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - started
    signal.sigtimedwait({signal.SIGCHLD}, 0)  # ours is still there if nobody waited for it
    code = os.waitstatus_to_exitcode(status)
    # It may have ended by itself in the very moment of the kill.
    killed = (killed or kill_at is not None) and code == -signal.SIGKILL
    count = int.from_bytes(syncs[:], "little")
    return {"code": code, "killed": killed, "seconds": seconds, "syncs": count}


def _count_syncs(syncs: mmap.mmap, kill_at: int | None) -> None:
    """In the child: count fsyncs where the parent sees it, and die at the one that is wanted."""
    whole, lock = os.fsync, threading.Lock()

    def fsync(descriptor: int) -> None:
        with lock:
            count = int.from_bytes(syncs[:], "little") + 1
            syncs[:] = count.to_bytes(4, "little")
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        whole(descriptor)

    os.fsync = fsync


def _become(words: Sequence[str], log: str) -> None:
    """In the child: be that command, and never come back."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    from webapp import cli

    code = 70
    try:
        cli.main(list(words))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
