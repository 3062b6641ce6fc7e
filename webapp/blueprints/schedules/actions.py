"""What is started at a schedule, and switched on and off."""

from __future__ import annotations

from uuid import UUID

from flask import flash
from werkzeug.wrappers import Response

from webapp.blueprints.schedules.base import OF_TENANT, SCHEDULE, bp, to_page
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.models import BackupScheduleRun, Run
from webapp.services import schedules
from webapp.services.access import Access


@bp.post(f"{SCHEDULE}/run-now")
@requires(Permission.OPERATE)
def run_now(access: Access, schedule_id: UUID) -> Response:
    return _to_run(access, *schedules.run_now(access, schedule_id))


@bp.post(f"{OF_TENANT}/slots/<uuid:slot_id>/retry")
@requires(Permission.OPERATE)
def retry(access: Access, slot_id: UUID) -> Response:
    return _to_run(access, *schedules.retry(access, slot_id))


@bp.post(f"{SCHEDULE}/enable")
@requires(Permission.MANAGE)
def enable(access: Access, schedule_id: UUID) -> Response:
    schedules.enable(access, schedule_id)
    flash("It runs again by itself.", "success")
    return to_page(access, schedule_id)


@bp.post(f"{SCHEDULE}/disable")
@requires(Permission.MANAGE)
def disable(access: Access, schedule_id: UUID) -> Response:
    schedules.disable(access, schedule_id)
    flash("It does not run by itself any more, until somebody enables it.", "warning")
    return to_page(access, schedule_id)


def _to_run(access: Access, slot: BackupScheduleRun, run: Run | None, is_new: bool) -> Response:
    """To the run; to the schedule, where the slot says why, if there is none."""
    if run is None:
        flash(slot.error_message or "Nothing was started; the history below says why.", "warning")
        return to_page(access, slot.schedule_id)
    if not is_new:
        flash("This is already under way; this is it.", "info")
    return see("runs.show", tenant_slug=access.tenant.slug, run_id=run.id)
