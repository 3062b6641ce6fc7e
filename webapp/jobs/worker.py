"""The worker process: huey's consumer with the sweeper beside it."""

from __future__ import annotations

import logging
import os
import threading
import time

from flask import Flask
from huey.consumer import Consumer

from webapp import clock
from webapp.database import FAILURES
from webapp.extensions import db
from webapp.jobs import telling
from webapp.jobs.queue import Queue
from webapp.services import claims, runs, surroundings
from webapp.services.processes import SHOWS_ITSELF_SECONDS, WORKER, Presence
from webapp.settings import Settings

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
STOP_SECONDS = 6.0


def run(app: Flask, settings: Settings, *, workers: int) -> None:
    """Work until told to stop; what is under way then goes back to wait for another worker."""
    queue: Queue = app.extensions["queue"]
    threading.Thread(target=_show_for_ever, args=(app, queue), daemon=True).start()
    threading.Thread(target=_sweep_for_ever, args=(app,), daemon=True).start()
    stop = threading.Event()
    telling.beside_worker(app, stop)
    _wait_for(queue)
    log.info("worker %s is ready with %s threads", os.getpid(), workers)
    _Consumer(
        queue.huey,
        workers=workers,
        periodic=False,
        initial_delay=0.05,
        max_delay=0.5,  # a start shows its first progress within two seconds
    ).run()
    stop.set()
    claims.interrupt_all(wait_seconds=STOP_SECONDS)


class _Consumer(Consumer):
    """Huey's consumer; any signal to stop means: take nothing new, and wait for nothing."""

    def stop(self, graceful: bool = False) -> None:
        self.stop_flag.set()


def sweep_once(app: Flask) -> int:
    """Ring again for what waits unheard, and for what a dead worker left.

    Not into a queue that is very long: whatever waits there brings the workers to all of it.
    """
    queue: Queue = app.extensions["queue"]
    with app.app_context():
        surroundings.tidy()
        is_down = bool(queue.problem())  # ringing in vain is logged, and tried again
        if not is_down and queue.is_long():
            return 0
        return runs.sweep(at=clock.now(), pending=() if is_down else queue.pending())


def _wait_for(queue: Queue) -> None:
    """The consumer cannot begin before the queue answers once."""
    told = False
    while problem := queue.problem():
        if not told:
            log.error("the queue does not answer, this worker waits for it: %s", problem)
        told = True
        time.sleep(1.0)


def _sweep_for_ever(app: Flask) -> None:
    while True:
        try:
            sweep_once(app)
        except Exception as error:
            _say("the sweep failed; it is tried again", error)
        time.sleep(SWEEP_SECONDS)


def _show_for_ever(app: Flask, queue: Queue) -> None:
    with app.app_context():
        presence = Presence(db.engine, WORKER)
    while True:
        try:
            presence.show(queue_problem=queue.problem())
        except Exception as error:
            _say("no sign of life could be written", error)
        time.sleep(SHOWS_ITSELF_SECONDS)


def _say(what: str, error: Exception) -> None:
    """What may pass in one line; a bug with its traceback."""
    if isinstance(error, FAILURES):
        log.warning("%s: the database does not answer", what)
    else:
        log.error(what, exc_info=error)
