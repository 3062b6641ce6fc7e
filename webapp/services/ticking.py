"""What happens once a minute. Each step stands alone: one that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from webapp.extensions import db
from webapp.services import alerts, plan_states, retention, schedules, usage, watching
from webapp.services.notify import bell, digests, messages
from webapp.services.second_person import deciding

log = logging.getLogger(__name__)

_HOURLY_MINUTE = 17

Step = Callable[[datetime], None]


def dispatch_schedules(at: datetime) -> None:
    done = schedules.dispatch(at=at)
    if done.due:
        log.info(
            "%s schedules were due: %s runs, %s skipped, %s missed, in %.1f s",
            done.due, done.started, sum(done.skipped.values()), done.missed, done.seconds,
        )  # fmt: skip


def expire_plans(at: datetime) -> None:
    expired = plan_states.expire(at=at)
    if expired:
        log.info("%s plans expired", expired)


def expire_requests(at: datetime) -> None:
    expired = deciding.expire(at)
    if expired:
        log.info("%s requests for a second person expired", expired)


def look_for_alerts(at: datetime) -> None:
    """What holds after this minute's slots were dispatched."""
    alerts.check(at)


def write_digests(at: datetime) -> None:
    digests.write_due(at)


def sample_usage(at: datetime) -> None:
    """What each customer uses today; once an hour, and from the day's first minute on."""
    usage.sample(at)


def forget_what_was_told(at: datetime) -> None:
    """Once an hour; nobody waits for it."""
    if at.minute == _HOURLY_MINUTE:
        bell.forget_old(at)
        messages.forget_old(at)


STEPS: tuple[Step, ...] = (
    dispatch_schedules,
    expire_plans,
    expire_requests,
    retention.ask_daily,
    watching.scheduler_lives,
    look_for_alerts,
    write_digests,
    sample_usage,
    forget_what_was_told,
)


def tick(at: datetime) -> list[str]:
    """Take every step; return the names of those that failed."""
    failed = []
    for step in STEPS:
        try:
            step(at)
        except Exception:
            log.exception("%s failed; it is tried again in a minute", step.__name__)
            failed.append(step.__name__)
        finally:
            db.session.rollback()
    return failed
