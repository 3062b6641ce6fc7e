"""Writing a template, and changing one. Nothing runs differently until it is applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.blueprints.schedule_templates.base import ALL, TEMPLATE, bp
from webapp.blueprints.schedules.form_page import LABELS, TYPES
from webapp.blueprints.schedules.outlook import Outlook
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import actor, msp_admin
from webapp.domain.tenants import zones
from webapp.errors import Conflict, Invalid
from webapp.forms import overlapping
from webapp.forms.schedules import BLANK, ScheduleForm, typed, values_of
from webapp.models import ScheduleTemplate
from webapp.services import schedule_templates as templates

STARTING = replace(BLANK, timezone="")


@bp.get(f"{ALL}/new")
@msp_admin
def new() -> str:
    return _page("schedule_templates/new.html", values_of(STARTING))


@bp.post(f"{ALL}/new")
@msp_admin
def add() -> ResponseReturnValue:
    form, values = _parse(request.form), typed(request.form)
    if "show" in request.form:
        return _page("schedule_templates/new.html", values, problems=form.problems)
    try:
        template = templates.add(actor(), form.require_usable())
    except Invalid as problem:
        return _page("schedule_templates/new.html", values, problems=problem.fields), 422
    flash("Saved. Now choose the sources that it is for.", "success")
    return see("schedule_templates.choose", template_id=template.id)


@bp.get(f"{TEMPLATE}/edit")
@msp_admin
def edit(template_id: UUID) -> str:
    template = templates.find(actor(), template_id)
    values = values_of(templates.draft_of(template))
    return _page("schedule_templates/edit.html", values, template=template)


@bp.post(f"{TEMPLATE}/edit")
@msp_admin
def save(template_id: UUID) -> ResponseReturnValue:
    template = templates.find(actor(), template_id)
    form, values = _parse(request.form), typed(request.form)
    page: dict[str, Any] = {"template": template}
    if "show" in request.form:
        return _page("schedule_templates/edit.html", values, problems=form.problems, **page)
    version = request.form.get("version", 0, type=int)
    try:
        templates.edit(actor(), template_id, form.require_usable(), version=version)
    except Invalid as problem:
        return _page("schedule_templates/edit.html", values, problems=problem.fields, **page), 422
    except Conflict:
        return _overlapping(template_id, values)
    flash("Saved. Its schedules are as they were until you apply it again.", "success")
    return see("schedule_templates.show", template_id=template_id)


@bp.get(f"{ALL}/slots")
@msp_admin
def slots() -> str:
    """What the rule in the form would do, in the zone that most tenants are in."""
    form = _parse(request.args)
    return render_template("schedules/_slots.html", outlook=_outlook(form))


def _overlapping(template_id: UUID, mine: Mapping[str, str]) -> ResponseReturnValue:
    """What somebody else changed meanwhile, and the form with both: nothing is saved yet."""
    template = templates.find(actor(), template_id)
    now = values_of(templates.draft_of(template))
    merged = overlapping.merge(overlapping.opened(request.form.get("opened", "")), now, mine)
    facts: dict[str, Any] = {
        "version": template.version,
        "opened": json.dumps(now),
        "overlap": merged.changes,
    }
    page = _page("schedule_templates/edit.html", merged.values, template=template, **facts)
    return page, 409


def _page(
    page: str,
    values: Mapping[str, str],
    *,
    problems: Mapping[str, str] | None = None,
    template: ScheduleTemplate | None = None,
    **others: object,
) -> str:
    form = _parse(overlapping.as_form(values))
    facts: dict[str, object] = {
        "template": template,
        "values": values,
        "problems": problems or {},
        "zones": zones(),
        "types": TYPES,
        "labels": LABELS,
        "overlap": None,
        "overlap_by": None,
        "outlook": _outlook(form),
        **(_opened(template) if template else {}),
    }
    return render_template(page, **{**facts, **others})


def _parse(form: Any) -> ScheduleForm:
    return ScheduleForm.parse(form, base=STARTING, fallback_zone="UTC")


def _outlook(form: ScheduleForm) -> Outlook:
    zone = templates.usual_zone(actor())
    return Outlook.of(form.draft, tenant_zone=zone, at=clock.now(), problems=form.problems)


def _opened(template: ScheduleTemplate) -> dict[str, object]:
    """What the form was opened with: it carries that along until it is saved."""
    if "version" in request.form:
        version = request.form.get("version", 0, type=int)
        return {"version": version, "opened": request.form.get("opened", "")}
    now = values_of(templates.draft_of(template))
    return {"version": template.version, "opened": json.dumps(now)}
