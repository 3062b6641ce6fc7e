"""Workers and schedulers that are going to be killed, each a process, and on a host, of its own.

    main("worker" or "scheduler", FUSE, ORIGIN, PACE)

FUSE is ``none``, or ``before:17`` or ``after:17``: the process dies by SIGKILL before or after it
commits for the 17th time. There the rows say one thing and the world another, and a kill from
outside hardly ever falls into that moment.

The scheduler's clock runs PACE times as fast from ORIGIN (seconds of the epoch) on, also across
deaths, so that a minute of schedules costs seconds.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.jobs.worker_process import LEASE_SECONDS, environment
from tests.torture.nursery import Nursery
from webapp import clock
from webapp.settings import Settings

THREADS = 2
NO_FUSE = "none"
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the scheduler's clock runs, and since when."""

    origin: float
    times: float
    BELIEVED_AHEAD = clock.BELIEVED_AHEAD

    def now(self) -> datetime:
        seconds = self.origin + (time.time() - self.origin) * self.times
        return datetime.fromtimestamp(seconds, UTC)


class Doomed:
    """One such process, as its killer sees it."""

    def __init__(
        self, kind: str, nursery: Nursery, settings: Settings, *, pace: Pace, fuse: str = NO_FUSE
    ) -> None:
        self.kind, self.fuse = kind, fuse
        self.name = f"{kind}{next(_numbers)}"
        self._log = settings.home / f"{self.name}.log"
        words = (kind, fuse, str(pace.origin), str(pace.times))
        environ = environment(settings)
        self.process = nursery.start(*words, host=self.name, log=self._log, environ=environ)

    @property
    def is_dead(self) -> bool:
        return self.process.poll() is not None

    @property
    def is_at_work(self) -> bool:
        """It is past its start, and lives."""
        return not self.is_dead and b"is ready" in self._log.read_bytes()

    def kill(self) -> None:
        self.process.send(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        self.process.send(signal.SIGTERM)
        return self.process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def has_left_children(self) -> bool:
        """Whether something that it started still runs: it began a session of its own."""
        return any(_session_of(entry) == self.process.pid for entry in Path("/proc").iterdir())


def _session_of(entry: Path) -> int:
    """The session of a process that is no zombie; 0 if it is none."""
    if not entry.name.isdecimal():
        return 0
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[3])


def lay(fuse: str) -> None:
    """Die at a commit of the services; those of leases and signs of life do not count."""
    when, _, number = fuse.partition(":")
    if fuse == NO_FUSE:
        return
    count = itertools.count(1)

    def burn(_session: Session) -> None:
        if next(count) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Session, f"{when}_commit", burn)


def main(kind: str, fuse: str, origin: str, times: str) -> None:
    from webapp.cli import logs
    from webapp.cli.starting import patiently

    settings = dataclasses.replace(Settings.from_environ(), lease_seconds=LEASE_SECONDS)
    logs.configure(settings)
    app = patiently(settings)
    lay(fuse)
    begin = {"worker": _work, "scheduler": _schedule}[kind]
    begin(app, settings, Pace(origin=float(origin), times=float(times)))
    os._exit(0)


def _work(app: Any, settings: Settings, _pace: Pace) -> None:
    from webapp.jobs import worker

    worker.SWEEP_SECONDS = 1.0
    worker.run(app, settings, workers=THREADS)


def _schedule(app: Any, _settings: Settings, pace: Pace) -> None:
    from webapp.jobs import scheduler
    from webapp.services import processes

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    seconds_to_next = scheduler.seconds_to_next
    scheduler.clock = processes.clock = pace
    scheduler.seconds_to_next = lambda now: seconds_to_next(now) / pace.times
    scheduler.run(app, stop)
