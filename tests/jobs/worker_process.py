"""A real worker in a process of its own, with a short lease so that tests need not wait long."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tests.nursery import Forked
from webapp.settings import Settings

LEASE_SECONDS = 3
_APART = ("unshare", "--net", "--uts")


class WorkerProcess:
    """``lastgood worker`` of an installation.

    Args:
        before: words of a command that runs the worker, such as strace's.
    """

    def __init__(self, settings: Settings, before: Sequence[str] = ()) -> None:
        log = settings.home / "worker.log"
        self.process: Forked | subprocess.Popen[bytes]
        if before:
            self.process = _run_by(before, settings, log)
        else:
            self.process = Forked(main, environment=environment(settings), log=log)

    def kill(self) -> None:
        """As the kernel does when memory runs out: at once, in the middle of anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As a service manager does; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def _run_by(before: Sequence[str], settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(
            [*before, sys.executable, "-m", "tests.jobs.worker_process"],
            env=environment(settings),
            cwd=Path(__file__).parent.parent.parent,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def environment(settings: Settings) -> dict[str, str]:
    """This machine's, with the variables of an installation and of no other."""
    others = {name: value for name, value in os.environ.items() if "LASTGOOD" not in name}
    return {
        **others,
        "LASTGOOD_HOME": str(settings.home),
        "LASTGOOD_DATABASE_URL": settings.database_url,
        "LASTGOOD_QUEUE_URL": settings.queue_url,
    }


@cache
def _can_be_apart() -> bool:
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("hostname")):
        return False
    return not subprocess.run([*_APART, "hostname", "x"], capture_output=True).returncode


def on_a_host(name: str) -> tuple[str, ...]:
    """Begins a command that runs as on another host, with a network and a name of its own; empty
    where this machine does not let us."""
    if not _can_be_apart():
        return ()
    return (*_APART, "sh", "-c", 'hostname "$0" && exec "$@"', name)


def until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def main() -> None:
    from webapp.cli import logs
    from webapp.cli.starting import patiently
    from webapp.jobs import worker

    settings = dataclasses.replace(Settings.from_environ(), lease_seconds=LEASE_SECONDS)
    logs.configure(settings)
    worker.SWEEP_SECONDS = 1.0
    worker.run(patiently(settings), settings, workers=2)
    os._exit(0)


if __name__ == "__main__":
    main()
