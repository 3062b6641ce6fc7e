"""The queue, and the doorbell that puts a run's id into it."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from uuid import UUID

from flask import Flask
from huey.api import TaskWrapper

from webapp.database import FAILURES, told
from webapp.extensions import doorbell
from webapp.jobs import bells
from webapp.jobs.bells import Bells
from webapp.services import installation, work
from webapp.settings import Settings

log = logging.getLogger(__name__)

MANY = 10_000
SLOW_SECONDS = 1.0  # a queue that takes longer to say no is left alone for a while
DEAF_SECONDS = 5.0


class Queue:
    """Opened at its first use: a web process that starts nothing has no queue open."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._url = settings.queue_url
        self._lock = threading.Lock()
        self._open: tuple[Bells, TaskWrapper] | None = None
        self._deaf_until = 0.0
        self.owner = f"{socket.gethostname()}:{os.getpid()}"

    @property
    def huey(self) -> Bells:
        return self._opened()[0]

    @property
    def execute(self) -> TaskWrapper:
        """The one task there is: do what should be done next. The id that it takes, as text, is
        a hint that something waits; the rows say what."""
        return self._opened()[1]

    def ring(self, run_id: UUID) -> None:
        """Put the run's id into the queue. A lost message costs seconds: the sweep rings again.

        Where nobody answers for long, thousands of messages must not wait one behind the other.
        """
        began = time.monotonic()
        if began < self._deaf_until:
            return
        try:
            self.execute(str(run_id))
        except Exception as error:
            now = time.monotonic()
            self._deaf_until = now + DEAF_SECONDS if now - began >= SLOW_SECONDS else 0.0
            log.warning("run %s waits, but the queue does not answer: %s", run_id, error)

    def pending(self) -> set[UUID]:
        """Ids of the runs whose message waits in the queue."""
        return {UUID(message.args[0]) for message in self.huey.waiting()}

    def is_long(self) -> bool:
        """Whether so much waits in it that looking at all of it takes too long."""
        return bool(self.huey.pending_count() > MANY)

    def problem(self) -> str:
        """Why the queue cannot be used, in the driver's words; empty if it can."""
        try:
            self.huey.pending_count()
        except Exception as error:
            return " ".join(str(error).split())[:200] or type(error).__name__
        return ""

    def _opened(self) -> tuple[Bells, TaskWrapper]:
        with self._lock:
            if self._open is None:
                ring = installation.ring()
                name, key = f"lastgood{ring.fingerprint}", ring.derive(f"queue {ring.secret}")
                huey = bells.hung_at(self._url, name=name, key=key)
                self._open = huey, huey.task(name="runs.execute")(self._executor())
            return self._open

    def _executor(self) -> Callable[[str], None]:
        app = self._app

        def execute(run_id: str) -> None:
            with app.app_context():
                log.debug("heard of run %s", run_id)
                _carry_on()

        return execute


def _carry_on() -> None:
    """Do what waits. Without a database nothing is begun, and nothing lost: it is rung again."""
    try:
        work.carry_on(owner=f"{socket.gethostname()}:{os.getpid()}")
    except FAILURES as error:
        log.warning("nothing is begun: %s", told(error))


def bind(app: Flask, settings: Settings) -> Queue:
    """Let the doorbell ring in this installation's queue; called by ``create_app``."""
    queue = Queue(app, settings)
    app.extensions["queue"] = queue
    doorbell.ring = queue.ring
    return queue
