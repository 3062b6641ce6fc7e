"""The worker process: huey's consumer with the sweeper beside it."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

from flask import Flask
from huey.consumer import Consumer

from webapp import clock
from webapp.jobs.queue import Queue
from webapp.services import claims, runs, surroundings
from webapp.settings import Settings

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
ALIVE_SECONDS = 2.0
STOP_SECONDS = 6.0


def run(app: Flask, settings: Settings, *, workers: int) -> None:
    """Work until told to stop; what is under way then goes back to wait for another worker."""
    queue: Queue = app.extensions["queue"]
    queue.execute  # noqa: B018 - the task must be known before a message comes
    threading.Thread(target=_sweep_for_ever, args=(app, settings), daemon=True).start()
    log.info("worker %s is ready with %s threads", os.getpid(), workers)
    _Consumer(
        queue.huey,
        workers=workers,
        periodic=False,
        initial_delay=0.05,
        max_delay=0.5,  # a start shows its first progress within two seconds
    ).run()
    claims.interrupt_all(wait_seconds=STOP_SECONDS)


class _Consumer(Consumer):
    """Huey's consumer; any signal to stop means: take nothing new, and wait for nothing."""

    def stop(self, graceful: bool = False) -> None:
        self.stop_flag.set()


def sweep_once(app: Flask) -> int:
    """Ring again for what waits unheard, and for what a dead worker left."""
    queue: Queue = app.extensions["queue"]
    with app.app_context():
        surroundings.tidy()
        return runs.sweep(at=clock.now(), pending=queue.pending())


def _sweep_for_ever(app: Flask, settings: Settings) -> None:
    next_sweep = 0.0
    while True:
        touch(settings)
        if time.monotonic() >= next_sweep:
            next_sweep = time.monotonic() + SWEEP_SECONDS
            try:
                sweep_once(app)
            except Exception:
                log.exception("the sweep failed; it is tried again")
        time.sleep(ALIVE_SECONDS)


def alive_file(settings: Settings) -> Path:
    return settings.home / "worker.alive"


def touch(settings: Settings) -> None:
    """Show that a worker lives: commands that wait look at this file's age."""
    try:
        alive_file(settings).touch(mode=0o600)
    except OSError as error:
        log.warning("worker.alive cannot be touched: %s", error.strerror)


def is_alive(settings: Settings, *, within_seconds: float = 10.0) -> bool:
    """Say whether some worker has shown itself lately."""
    try:
        age = time.time() - alive_file(settings).stat().st_mtime
    except OSError:
        return False
    return age < within_seconds
