"""Lists of schedules, the page of one, and the history of its slots."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, render_template, request, url_for

from webapp import clock
from webapp.blueprints.runs.lists import moment
from webapp.blueprints.schedules import lists
from webapp.blueprints.schedules.base import OF_TENANT, SCHEDULE, bp
from webapp.blueprints.schedules.outlook import Outlook
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import actor, requires, signed_in
from webapp.blueprints.web.rendering import render
from webapp.domain.permissions import Permission
from webapp.models import BackupSchedule
from webapp.services import access as gate
from webapp.services import schedule_pages, schedules
from webapp.services.access import Access


@bp.get("/schedules")
@signed_in
def all() -> Response:
    who = actor()
    part, offset = lists.wanted()
    tenants = gate.tenants_of(who)
    rows = schedule_pages.rows_of(tenants, part, offset=offset)
    return render(
        "schedules/all.html",
        fragment="schedules/_list.html",
        tenant=None,
        rows=rows,
        is_msp_admin=who.is_msp_admin,
        **lists.links("schedules.all", rows, schedule_pages.counts(tenants)),
    )


@bp.get(OF_TENANT)
@requires(Permission.VIEW)
def index(access: Access) -> Response:
    part, offset = lists.wanted()
    rows = schedule_pages.rows(access, part, offset=offset)
    counts = schedule_pages.counts([access.tenant])
    return render(
        "schedules/index.html",
        fragment="schedules/_list.html",
        tenant=access.tenant,
        rows=rows,
        **lists.links("schedules.index", rows, counts, tenant_slug=access.tenant.slug),
        **abilities(access),
    )


@bp.get(SCHEDULE)
@requires(Permission.VIEW)
def show(access: Access, schedule_id: UUID) -> str:
    schedule = schedules.find(access, schedule_id)
    draft = schedules.draft_of(schedule)
    return render_template(
        "schedules/show.html",
        outlook=Outlook.of(draft, tenant_zone=access.tenant.timezone, at=clock.now()),
        draft=draft,
        **_history(access, schedule),
    )


@bp.get(f"{SCHEDULE}/history")
@requires(Permission.VIEW)
def history(access: Access, schedule_id: UUID) -> str:
    schedule = schedules.find(access, schedule_id)
    return render_template("schedules/_history.html", **_history(access, schedule))


def _history(access: Access, schedule: BackupSchedule) -> dict[str, Any]:
    """The slots from the newest, or those before the moment that the address names."""
    before = moment(request.args.get("before", ""))
    slots = schedule_pages.history(access, schedule, before=before)
    return {
        "tenant": access.tenant,
        "row": schedule_pages.row(access, schedule),
        "slots": slots,
        "is_busy": before is None and any(slot.is_under_way for slot in slots),
        "newer": _at(access, schedule, None) if before else "",
        "older": _at(access, schedule, slots[-1].slot.scheduled_for.isoformat())
        if len(slots) == schedule_pages.HISTORY
        else "",
        **abilities(access),
    }


def _at(access: Access, schedule: BackupSchedule, before: str | None) -> str:
    return url_for(
        "schedules.show", tenant_slug=access.tenant.slug, schedule_id=schedule.id, before=before
    )
