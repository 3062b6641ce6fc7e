"""Adding a schedule, and changing one, also when two people do so at once."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.blueprints.schedules.base import OF_TENANT, SCHEDULE, bp, to_page
from webapp.blueprints.schedules.form_page import facts, opened_now, starting
from webapp.blueprints.schedules.outlook import Outlook
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Conflict, Invalid
from webapp.forms import overlapping
from webapp.forms.schedules import ScheduleForm, typed, values_of
from webapp.models import BackupSchedule
from webapp.services import schedule_pages, schedules, sources
from webapp.services.access import Access


@bp.get(f"{OF_TENANT}/new")
@requires(Permission.MANAGE)
def new(access: Access) -> str:
    """First the choice of a source, then the form."""
    source_id = request.args.get("source", type=UUID)
    if source_id is None:
        return render_template(
            "schedules/choose.html", tenant=access.tenant, sources=sources.rows(access)
        )
    source = sources.find(access, source_id)
    return render_template(
        "schedules/new.html", **facts(access, values_of(starting(access)), source=source)
    )


@bp.post(f"{OF_TENANT}/new")
@requires(Permission.MANAGE)
def add(access: Access) -> ResponseReturnValue:
    source_id = request.args.get("source", type=UUID)
    if source_id is None:
        return redirect(url_for("schedules.new", tenant_slug=access.tenant.slug), code=303)
    source = sources.find(access, source_id)
    form = ScheduleForm.parse(request.form, base=starting(access))
    values = typed(request.form)
    if "show" in request.form:
        shown = facts(access, values, source=source, problems=form.problems)
        return render_template("schedules/new.html", **shown)
    try:
        made = schedules.create(access, source.id, form.require_usable())
    except Invalid as problem:
        shown = facts(access, values, source=source, problems=problem.fields)
        return render_template("schedules/new.html", **shown), 422
    flash(f"{made.name} is on.", "success")
    return to_page(access, made.id)


@bp.get(f"{SCHEDULE}/edit")
@requires(Permission.MANAGE)
def edit(access: Access, schedule_id: UUID) -> str:
    schedule = schedules.find(access, schedule_id)
    values = values_of(schedules.draft_of(schedule))
    return _edit_page(access, schedule, values)


@bp.post(f"{SCHEDULE}/edit")
@requires(Permission.MANAGE)
def save(access: Access, schedule_id: UUID) -> ResponseReturnValue:
    schedule = schedules.find(access, schedule_id)
    version = request.form.get("version", 0, type=int)
    form = ScheduleForm.parse(request.form, base=schedules.draft_of(schedule))
    if "show" in request.form:
        return _edit_page(access, schedule, typed(request.form), form.problems)
    try:
        reason = request.form.get("reason", "")
        schedules.edit(access, schedule_id, form.require_usable(), version=version, reason=reason)
    except Invalid as problem:
        return _edit_page(access, schedule, typed(request.form), problem.fields), 422
    except Conflict as problem:
        return _overlapping(access, schedule_id, version=version, problem=problem)
    flash("Saved.", "success")
    return to_page(access, schedule_id)


@bp.get(f"{OF_TENANT}/slots")
@requires(Permission.MANAGE)
def slots(access: Access) -> str:
    """What the rule in the form would do; asked for while somebody types."""
    form = ScheduleForm.parse(request.args, base=starting(access))
    outlook = Outlook.of(
        form.draft, tenant_zone=access.tenant.timezone, at=clock.now(), problems=form.problems
    )
    return render_template("schedules/_slots.html", outlook=outlook)


def _edit_page(
    access: Access,
    schedule: BackupSchedule,
    values: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
) -> str:
    shown = facts(access, values, source=schedule.source, schedule=schedule, problems=problems)
    return render_template("schedules/edit.html", **shown)


def _overlapping(
    access: Access, schedule_id: UUID, *, version: int, problem: Conflict
) -> ResponseReturnValue:
    """What somebody else changed meanwhile, and the form with both: nothing is saved yet.

    Raises:
        Conflict: it was refused for another reason.
    """
    schedule = schedules.find(access, schedule_id)
    if schedule.version == version:
        raise problem
    merged = overlapping.merge(
        overlapping.opened(request.form.get("opened", "")),
        values_of(schedules.draft_of(schedule)),
        typed(request.form),
    )
    shown = facts(access, merged.values, source=schedule.source, schedule=schedule)
    shown |= opened_now(schedule)
    shown["overlap"] = merged.changes
    shown["overlap_by"] = schedule_pages.last_change(access, schedule)
    return render_template("schedules/edit.html", **shown), 409
