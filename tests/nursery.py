"""Processes that start at once: forked from one that has everything loaded.

A start of Python with all of ours costs more than a second, and tests want many. What is started
is a process like any other: it shares nothing with the tests, and dies as others do. That real
starts work is for ``test_serve`` and its like.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from webapp import cli

_COMMANDS = sorted({*cli.NOUNS.values()} - {"serve", "vault"})
_LOADED = [
    "webapp.application",
    "webapp.cli.logs",
    "webapp.jobs.worker",
    *(f"webapp.cli.{name}" for name in _COMMANDS),
]
_COMMAND_SECONDS = 120

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_LOADED)

pipe = _context.Pipe


class Forked:
    """As much of ``subprocess.Popen`` as tests use, for a function instead of a command.

    Args:
        act: what the process does; a function of a module.
        environment: all of its environment.
        log: what it writes is added to this file.
        out: what it writes to its standard output, if that is wanted apart.
    """

    def __init__(
        self,
        act: Callable[..., object],
        *arguments: Any,
        environment: Mapping[str, str],
        log: Path,
        out: Path | None = None,
    ) -> None:
        words = (act, arguments, dict(environment), (str(out or log), str(log)))
        self._process = _context.Process(target=_become, args=words)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def lastgood(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a ``lastgood`` command to its end."""
    with TemporaryDirectory() as place:
        out, log = Path(place, "out"), Path(place, "log")
        process = Forked(cli.main, [*words], environment=environment, log=log, out=out)
        try:
            code = process.wait(_COMMAND_SECONDS)
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, code, out.read_text(), log.read_text())


def _become(
    act: Callable[..., object],
    arguments: tuple[Any, ...],
    environment: dict[str, str],
    files: tuple[str, str],
) -> None:
    """In the child: nothing of the tests' own environment and output is left."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for stream, name in enumerate(files, 1):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, stream)
        os.close(file)
    act(*arguments)
