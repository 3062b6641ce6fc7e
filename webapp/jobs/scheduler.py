"""The scheduler process: one tick a minute."""

from __future__ import annotations

import logging
import threading

from flask import Flask

from webapp import clock
from webapp.services import plan_states

log = logging.getLogger(__name__)

TICK_SECONDS = 60.0


def run(app: Flask, stop: threading.Event) -> None:
    """Tick until told to stop; a tick that fails is logged and the next one comes."""
    log.info("scheduler is ready")
    while True:
        try:
            tick(app)
        except Exception:
            log.exception("the tick failed; the next one comes in a minute")
        if stop.wait(TICK_SECONDS):
            return


def tick(app: Flask) -> None:
    """Expire plans whose day is over."""
    with app.app_context():
        expired = plan_states.expire(at=clock.now())
    if expired:
        log.info("%s plans expired", expired)
