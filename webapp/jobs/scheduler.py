"""The scheduler process: one tick at the beginning of each minute."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from flask import Flask

from webapp import clock
from webapp.domain.slots import whole_minute
from webapp.jobs import telling
from webapp.services import ticking

log = logging.getLogger(__name__)

_MINUTE_SECONDS = 60.0
_MINUTE = timedelta(minutes=1)
_MOST_LOST = 10
_BEHIND_SECONDS = 0.05  # a timer that is early must not meet the minute before


def run(app: Flask, stop: threading.Event) -> None:
    """Tick at once and then each minute, until told to stop."""
    log.info("scheduler is ready")
    before = clock.now()
    telling.beside_scheduler(app, stop)
    while True:
        now = clock.now()
        try:
            for minute in minutes_lost(before, now):
                catch_up(app, minute)
            tick(app)
        except Exception:
            log.exception("the tick failed; the next one comes in a minute")
        before = now
        if stop.wait(seconds_to_next(clock.now())):
            return


def tick(app: Flask) -> None:
    """Do what is to be done each minute."""
    with app.app_context():
        ticking.tick(clock.now())


def catch_up(app: Flask, minute: datetime) -> None:
    """Start what was due in a minute that the tick before it took for itself."""
    with app.app_context():
        ticking.dispatch_schedules(minute)


def minutes_lost(before: datetime, now: datetime) -> list[datetime]:
    """The minutes between two ticks of one process: it was awake, only busy, so that their slots
    are late and not missed. After a longer gap the machine slept, and they were."""
    first = whole_minute(before) + _MINUTE
    count = (whole_minute(now) - first) // _MINUTE
    return [first + n * _MINUTE for n in range(count)] if count <= _MOST_LOST else []


def seconds_to_next(now: datetime) -> float:
    """How long until the next minute begins."""
    gone = now.second + now.microsecond / 1_000_000
    return _MINUTE_SECONDS - gone + _BEHIND_SECONDS
