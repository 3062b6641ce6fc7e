"""The list of templates, the page of one, and its removal."""

from __future__ import annotations

from uuid import UUID

from flask import flash, render_template
from werkzeug.wrappers import Response

from webapp import clock
from webapp.blueprints.schedule_templates.base import ALL, TEMPLATE, bp
from webapp.blueprints.schedules.outlook import Outlook
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import actor, msp_admin
from webapp.domain import schedule_words
from webapp.services import schedule_templates as templates
from webapp.services import template_work


@bp.get(ALL)
@msp_admin
def index() -> str:
    return render_template(
        "schedule_templates/index.html",
        rows=templates.rows(actor()),
        when=schedule_words.when,
        keeping=schedule_words.keeping,
    )


@bp.get(TEMPLATE)
@msp_admin
def show(template_id: UUID) -> str:
    who = actor()
    template = templates.find(who, template_id)
    return render_template(
        "schedule_templates/show.html",
        template=template,
        made=templates.made_by(who, template),
        applications=template_work.applications(who, template),
        outlook=Outlook.of(
            templates.draft_of(template), tenant_zone=templates.usual_zone(who), at=clock.now()
        ),
    )


@bp.get(f"{TEMPLATE}/remove")
@msp_admin
def removal(template_id: UUID) -> str:
    who = actor()
    template = templates.find(who, template_id)
    return render_template(
        "schedule_templates/remove.html",
        template=template,
        count=len(templates.made_by(who, template)),
    )


@bp.post(f"{TEMPLATE}/remove")
@msp_admin
def remove(template_id: UUID) -> Response:
    name = templates.remove(actor(), template_id)
    flash(f"{name} is removed. The schedules that it made stay as they are.", "success")
    return see("schedule_templates.index")
