"""What follows a backup set that a schedule made, such as its retention."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select

from webapp.extensions import db
from webapp.models import BackupScheduleRun
from webapp.services import retention

log = logging.getLogger(__name__)

Hook = Callable[[UUID, UUID], object]  # schedule id, tenant id


def retain(schedule_id: UUID, tenant_id: UUID) -> None:
    retention.enqueue(schedule_id, tenant_id=tenant_id)


HOOKS: tuple[Hook, ...] = (retain,)


def ran(run_id: UUID) -> None:
    """Call every hook if this run was a schedule's and left a set; commits as the hooks do.

    The set stands whatever happens here; what fails is logged, and comes again with the day.
    """
    query = select(BackupScheduleRun.schedule_id, BackupScheduleRun.tenant_id).where(
        BackupScheduleRun.run_id == run_id, BackupScheduleRun.backup_set_id.is_not(None)
    )
    found = db.session.execute(query).first()
    db.session.rollback()
    if found is None:
        return
    for hook in HOOKS:
        try:
            hook(*found)
        except Exception:
            log.exception("what follows run %s failed", run_id)
        finally:
            db.session.rollback()  # the heartbeat waits for nobody who still holds the database
