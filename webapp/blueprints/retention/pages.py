"""The page of retention, and the calendar that a schedule's form shows."""

from __future__ import annotations

from collections.abc import Mapping

from flask import render_template, request

from webapp.blueprints.retention.base import bp
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.forms.retention import PreviewForm
from webapp.services import retention
from webapp.services.access import Access

_MOST_ROWS = 60


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> str:
    return page(access, typed={}, problems={})


def page(access: Access, *, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    return render_template(
        "retention/index.html",
        tenant=access.tenant,
        trash=[(row, retention.kept_until(row)) for row in retention.rows(access)],
        own=retention.own_rules(access.tenant),
        vault=retention.vault(access),
        typed=typed,
        problems=problems,
        **abilities(access),
    )


@bp.get("/preview")
@requires(Permission.VIEW)
def preview(access: Access) -> str:
    """What the rules in the query would keep: ``schedule``, ``retention_keep_last``, ``daily``, …
    under the names of a schedule's form."""
    form = PreviewForm.parse(request.args, zone=access.tenant.timezone)
    outlook = retention.outlook(
        access,
        form.rules,
        schedule_id=form.schedule_id,
        days_of_week=form.days_of_week,
        time_of_day=form.time_of_day,
    )
    return render_template(
        "schedules/_retention_preview.html",
        tenant=access.tenant,
        outlook=outlook,
        problem=form.problem,
        rows=outlook.decisions[:_MOST_ROWS],
    )
