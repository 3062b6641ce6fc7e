"""The product's own processes, started by a bench, pinned to cores, measured, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from webapp.settings import Settings

ROOT = Path(__file__).parent.parent.parent
_STOP_SECONDS = 30
_TICKS = os.sysconf("SC_CLK_TCK")


class Command:
    """``lastgood WORDS`` on an installation, with all that it starts."""

    def __init__(
        self, settings: Settings, words: Sequence[str], *, cores: frozenset[int] | None = None
    ) -> None:
        self._log = (settings.home / f"{words[0]}.log").open("ab")
        environment = {name: v for name, v in os.environ.items() if "LASTGOOD" not in name}
        environment |= {
            "LASTGOOD_HOME": str(settings.home),
            "LASTGOOD_DATABASE_URL": settings.database_url,
            "LASTGOOD_QUEUE_URL": settings.queue_url,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "webapp.cli", *words],
            cwd=ROOT,
            env=environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=_pinned(cores),
        )

    def cpu_seconds(self) -> float:
        """What it and its living children have used so far."""
        return sum(map(_cpu_of, _tree(self._process.pid)))

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """As a service manager does it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()


@contextmanager
def running(
    settings: Settings, *words: str, cores: frozenset[int] | None = None
) -> Iterator[Command]:
    command = Command(settings, words, cores=cores)
    try:
        yield command
    finally:
        command.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> None:
    """Wait for what other processes do."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(pause)


def _pinned(cores: frozenset[int] | None) -> Callable[[], None] | None:
    return (lambda: os.sched_setaffinity(0, cores)) if cores else None


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [one for task in threads for one in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _cpu_of(pid: int) -> float:
    """Its own time, and that of its children which have ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / _TICKS
