"""The scheduler process: one tick at the beginning of each minute."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from flask import Flask

from webapp import clock
from webapp.services import ticking

log = logging.getLogger(__name__)

_MINUTE_SECONDS = 60.0
_BEHIND_SECONDS = 0.05  # a timer that is early must not meet the minute before


def run(app: Flask, stop: threading.Event) -> None:
    """Tick at once and then each minute, until told to stop."""
    log.info("scheduler is ready")
    while True:
        try:
            tick(app)
        except Exception:
            log.exception("the tick failed; the next one comes in a minute")
        if stop.wait(seconds_to_next(clock.now())):
            return


def tick(app: Flask) -> None:
    """Do what is to be done each minute."""
    with app.app_context():
        ticking.tick(clock.now())


def seconds_to_next(now: datetime) -> float:
    """How long until the next minute begins."""
    gone = now.second + now.microsecond / 1_000_000
    return _MINUTE_SECONDS - gone + _BEHIND_SECONDS
