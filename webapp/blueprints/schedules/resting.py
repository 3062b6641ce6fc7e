"""Pausing a schedule until a moment, and archiving it; both ask first."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.blueprints.schedules.base import SCHEDULE, bp, to_page
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.formatting import moment
from webapp.forms.schedules import PauseForm
from webapp.models import BackupSchedule
from webapp.services import schedules
from webapp.services.access import Access


@bp.get(f"{SCHEDULE}/pause")
@requires(Permission.MANAGE)
def pausing(access: Access, schedule_id: UUID) -> str:
    return _pause_page(access, schedules.find(access, schedule_id), {})


@bp.post(f"{SCHEDULE}/pause")
@requires(Permission.MANAGE)
def pause(access: Access, schedule_id: UUID) -> ResponseReturnValue:
    schedule = schedules.find(access, schedule_id)
    zone = schedule.timezone
    try:
        form = PauseForm.parse(request.form, zone=zone, at=clock.now())
        schedules.pause(access, schedule_id, form.until, form.reason)
    except Invalid as problem:
        return _pause_page(access, schedule, problem.fields), 422
    flash(f"It is paused until {moment(form.until, zone, '%a %d %b %Y, %H:%M')}.", "warning")
    return to_page(access, schedule_id)


@bp.post(f"{SCHEDULE}/resume")
@requires(Permission.MANAGE)
def resume(access: Access, schedule_id: UUID) -> ResponseReturnValue:
    schedules.pause(access, schedule_id, None, "")
    flash("The pause is over: it runs at its times again.", "success")
    return to_page(access, schedule_id)


@bp.get(f"{SCHEDULE}/archive")
@requires(Permission.MANAGE)
def archiving(access: Access, schedule_id: UUID) -> str:
    schedule = schedules.find(access, schedule_id)
    return render_template("schedules/archive.html", tenant=access.tenant, schedule=schedule)


@bp.post(f"{SCHEDULE}/archive")
@requires(Permission.MANAGE)
def archive(access: Access, schedule_id: UUID) -> ResponseReturnValue:
    schedules.archive(access, schedule_id)
    flash("It is archived, and never runs again. Its history and restore points stay.", "success")
    return to_page(access, schedule_id)


def _pause_page(access: Access, schedule: BackupSchedule, problems: Mapping[str, str]) -> str:
    return render_template(
        "schedules/pause.html",
        tenant=access.tenant,
        schedule=schedule,
        problems=problems,
        until=request.form.get("until", ""),
        reason=request.form.get("reason", ""),
    )
