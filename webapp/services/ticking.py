"""What happens once a minute. Each step stands alone: one that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from webapp.extensions import db
from webapp.services import plan_states, retention, schedules

log = logging.getLogger(__name__)

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


STEPS: tuple[Step, ...] = (
    dispatch_schedules,
    expire_plans,
    retention.ask_daily,
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
