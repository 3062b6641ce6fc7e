"""A real worker in a process of its own, with a short lease so that tests need not wait long."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from webapp.settings import Settings

LEASE_SECONDS = 3


class WorkerProcess:
    """``lastgood worker`` of an installation.

    Args:
        before: words of a command that runs the worker, such as strace's.
    """

    def __init__(self, settings: Settings, before: Sequence[str] = ()) -> None:
        environment = {name: v for name, v in os.environ.items() if "LASTGOOD" not in name}
        environment["LASTGOOD_HOME"] = str(settings.home)
        environment["LASTGOOD_DATABASE_URL"] = settings.database_url
        environment["LASTGOOD_QUEUE_URL"] = settings.queue_url
        self.log = (settings.home / "worker.log").open("ab")
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "tests.jobs.worker_process"],
            env=environment,
            cwd=Path(__file__).parent.parent.parent,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def kill(self) -> None:
        """As the kernel does when memory runs out: at once, in the middle of anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self) -> int:
        """As a service manager does; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self.log.close()
        return code


def until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


def main() -> None:
    from webapp import create_app
    from webapp.cli import logs
    from webapp.jobs import worker

    settings = dataclasses.replace(Settings.from_environ(), lease_seconds=LEASE_SECONDS)
    logs.configure(settings)
    worker.SWEEP_SECONDS = 1.0
    worker.run(create_app(settings), settings, workers=2)
    os._exit(0)


if __name__ == "__main__":
    main()
