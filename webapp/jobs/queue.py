"""The queue, and the doorbell that puts a run's id into it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from functools import cached_property
from uuid import UUID

from flask import Flask
from huey import SqliteHuey
from huey.api import TaskWrapper

from webapp.extensions import doorbell
from webapp.services import work
from webapp.settings import Settings

log = logging.getLogger(__name__)


class Queue:
    """Opened at its first use: a web process that starts nothing has no queue open."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._path = settings.queue_url.removeprefix("sqlite:///")
        self.owner = f"{socket.gethostname()}:{os.getpid()}"

    @cached_property
    def huey(self) -> SqliteHuey:
        return SqliteHuey("lastgood", filename=self._path, results=False, store_none=False)

    @cached_property
    def execute(self) -> TaskWrapper:
        """The one task there is: carry out a run. It takes an id, as text, and returns nothing."""
        return self.huey.task(name="runs.execute")(self._executor())

    def ring(self, run_id: UUID) -> None:
        """Put the run's id into the queue. A lost message costs seconds: the sweep rings again."""
        try:
            self.execute(str(run_id))
        except Exception:
            log.exception("run %s waits, but the queue does not answer", run_id)

    def pending(self) -> set[UUID]:
        """Ids of the runs whose message waits in the queue."""
        self.execute  # noqa: B018 - messages can be read once their task is known
        return {UUID(message.args[0]) for message in self.huey.pending()}

    def _executor(self) -> Callable[[str], None]:
        app = self._app

        def execute(run_id: str) -> None:
            with app.app_context():
                work.carry_out(UUID(run_id), owner=f"{socket.gethostname()}:{os.getpid()}")

        return execute


def bind(app: Flask, settings: Settings) -> Queue:
    """Let the doorbell ring in this installation's queue; called by ``create_app``."""
    queue = Queue(app, settings)
    app.extensions["queue"] = queue
    doorbell.ring = queue.ring
    return queue
