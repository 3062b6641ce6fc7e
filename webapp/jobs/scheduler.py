"""The scheduler process: one tick at the beginning of each minute."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import datetime, timedelta

from flask import Flask

from webapp import clock
from webapp.database import FAILURES
from webapp.domain.slots import whole_minute
from webapp.jobs import telling
from webapp.services import processes, ticking

log = logging.getLogger(__name__)

_MINUTE_SECONDS = 60.0
_MINUTE = timedelta(minutes=1)
_MOST_LOST = 10
_AGAIN_SECONDS = 5.0
_MARGIN = timedelta(minutes=3)
_BEHIND_SECONDS = 0.05  # a timer that is early must not meet the minute before


def run(app: Flask, stop: threading.Event) -> None:
    """Tick at once and then each minute, until told to stop."""
    log.info("scheduler is ready")
    before = _looked_until(app) or clock.now()
    telling.beside_scheduler(app, stop)
    while True:
        now = clock.now()
        is_done = _keep_up(app, before, now)
        before = now if is_done else before
        pause_seconds = seconds_to_next(clock.now())
        if stop.wait(pause_seconds if is_done else min(pause_seconds, _AGAIN_SECONDS)):
            return


def _keep_up(app: Flask, before: datetime, now: datetime) -> bool:
    """Do what was due since the tick *before* and what is due now; False if slots may be left,
    such as while the database is down: then they are late, and not missed."""
    try:
        for minute in minutes_lost(before, now):
            catch_up(app, minute)
        return ticking.dispatch_schedules.__name__ not in tick(app)
    except Exception:
        log.exception("the tick failed; it is tried again")
        return False


def _looked_until(app: Flask) -> datetime | None:
    """Until when somebody has surely looked for slots: a while before a scheduler, perhaps the one
    that was killed and whose place this takes, was seen. It shows itself at the end of a tick that
    may have begun in an earlier minute. To look at a minute once more does no harm."""
    with app.app_context(), suppress(*FAILURES):
        seen_at = processes.last_seen(processes.SCHEDULER)
        return seen_at - _MARGIN if seen_at else None
    return None


def tick(app: Flask) -> list[str]:
    """Do what is to be done each minute; names of the steps that failed."""
    with app.app_context():
        return ticking.tick(clock.now())


def catch_up(app: Flask, minute: datetime) -> None:
    """Start what was due in a minute that the tick before it took for itself."""
    with app.app_context():
        ticking.dispatch_schedules(minute)


def minutes_lost(before: datetime, now: datetime) -> list[datetime]:
    """The minutes between two ticks: somebody was busy, dead or without a database for a while, so
    that their slots are late and not missed. After a longer gap they were."""
    first = whole_minute(before) + _MINUTE
    count = (whole_minute(now) - first) // _MINUTE
    return [first + n * _MINUTE for n in range(count)] if count <= _MOST_LOST else []


def seconds_to_next(now: datetime) -> float:
    """How long until the next minute begins."""
    gone = now.second + now.microsecond / 1_000_000
    return _MINUTE_SECONDS - gone + _BEHIND_SECONDS
