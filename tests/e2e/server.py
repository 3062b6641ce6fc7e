"""The real product for the browser tests: ``lastgood serve`` on a free port, with its own data."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.nursery import lastgood

START_SECONDS, STOP_SECONDS = 90, 20
LASTGOOD = (sys.executable, "-m", "webapp.cli")


@dataclass(frozen=True)
class Server:
    """A running installation with a demo tenant.

    ``command`` runs a ``lastgood`` command on the same data and returns what it prints as JSON.
    """

    url: str
    home: Path
    email: str
    password: str
    process: subprocess.Popen[bytes]

    def command(self, *arguments: str) -> Any:
        return command_in(self.home, *arguments)

    def log(self) -> str:
        return (self.home / "serve.log").read_text()


def command_in(home: Path, *arguments: str) -> Any:
    """Run a ``lastgood`` command on a data folder; gives the JSON that it prints."""
    return json.loads(_lastgood(home, *arguments, "--json"))


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """Prepare a data folder, start the server there, and stop it as Ctrl-C would."""
    home.mkdir(parents=True, exist_ok=True)
    first = command_in(home, "init")
    port = free_port()
    process = _start(home, port)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/healthz", process, home)
        yield Server(url, home, first["email"], first["password"], process)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """End the server and everything it started, as Ctrl-C does; gives its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in processes_of(process):
            os.kill(pid, signal.SIGKILL)
        return process.wait(STOP_SECONDS)


def processes_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The server's process and all that it started: everything in its session."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if _session_of(pid) == process.pid]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """The machine's environment, with our own variables set for this data folder only."""
    others = {name: value for name, value in os.environ.items() if name[:9] != "LASTGOOD_"}
    return {**others, "LASTGOOD_HOME": str(home), "LASTGOOD_DEMO": "1"}


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _lastgood(home: Path, *arguments: str) -> str:
    done = lastgood(*arguments, environment=environment(home))
    if done.returncode:
        raise RuntimeError(f"lastgood {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def _start(home: Path, port: int) -> subprocess.Popen[bytes]:
    with (home / "serve.log").open("wb") as log:
        return subprocess.Popen(
            [*LASTGOOD, "serve", "--port", str(port)],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for(url: str, process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urlopen(url, timeout=2):
                return
        except HTTPError:
            return  # it answers
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError("lastgood serve did not come up:\n" + (home / "serve.log").read_text())
