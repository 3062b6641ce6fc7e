"""Sends messages from a thread of its own: a far server that is slow delays no tick and no run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Flask

from webapp.services import watching
from webapp.services.notify import messages

log = logging.getLogger(__name__)

SEND_SECONDS = 10.0
LOOK_SECONDS = 60.0


def beside_scheduler(app: Flask, stop: threading.Event) -> None:
    """Send what waits, every few seconds, until *stop*."""
    _start(app, stop, messages.send_due, pause_seconds=SEND_SECONDS)


def beside_worker(app: Flask, stop: threading.Event) -> None:
    """Where the scheduler is dead, tell people in its place."""
    _start(app, stop, watching.look_after_scheduler, pause_seconds=LOOK_SECONDS)


def _start(
    app: Flask, stop: threading.Event, act: Callable[[], object], *, pause_seconds: float
) -> None:
    def go_on() -> None:
        while True:
            try:
                with app.app_context():
                    act()
            except Exception:
                log.exception("%s failed; it is tried again", act.__name__)
            if stop.wait(pause_seconds):
                return

    threading.Thread(target=go_on, name="telling", daemon=True).start()
