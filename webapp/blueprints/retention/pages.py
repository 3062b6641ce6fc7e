"""The page of retention, and the calendar that a schedule's form shows."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import render_template, request, url_for

from webapp.blueprints.retention.base import bp
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.forms.retention import PreviewForm
from webapp.services import retention, sources
from webapp.services.access import Access

_MOST_ROWS = 60
_PAGE = 50
_MOST_JUDGED = 200


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> str:
    return page(access, typed={}, problems={})


def page(access: Access, *, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    offset = max(request.args.get("offset", 0, type=int), 0)
    found, trashed = retention.rows(access, limit=_PAGE, offset=offset), retention.count(access)
    return render_template(
        "retention/index.html",
        tenant=access.tenant,
        trash=[(row, retention.kept_until(row)) for row in found],
        trashed=trashed,
        older=_at(access, offset + _PAGE) if offset + _PAGE < trashed else "",
        newer=_at(access, max(offset - _PAGE, 0)) if offset else "",
        own=retention.own_rules(access.tenant),
        vault=retention.vault(access),
        typed=typed,
        problems=problems,
        **abilities(access),
    )


@bp.get("/next")
@requires(Permission.VIEW)
def upcoming(access: Access) -> str:
    """What the rules as they are keep of one source, and what the next retention takes."""
    found = sources.rows(access)
    source_id = request.args.get("source", type=UUID) or (found[0].id if found else None)
    judged = retention.judged(access, source_id=source_id) if source_id else []
    going = [one for one in judged if not one.decision.is_kept]
    staying = [one for one in judged if one.decision.is_kept]
    return render_template(
        "retention/next.html",
        tenant=access.tenant,
        sources=found,
        source_id=source_id,
        going=going,
        staying=staying,
        most=_MOST_JUDGED,
    )


@bp.get("/preview")
@requires(Permission.VIEW)
def preview(access: Access) -> str:
    """What the rules in the query would keep: ``schedule``, ``retention_keep_last``, ``daily``, …
    under the names of a schedule's form."""
    form = PreviewForm.parse(request.args, zone=access.tenant.timezone)
    outlook = retention.outlook(
        access, form.rules, schedule_id=form.schedule_id, timing=form.timing
    )
    return render_template(
        "schedules/_retention_preview.html",
        tenant=access.tenant,
        outlook=outlook,
        problem=form.problem or (form.timing_problem if outlook.is_imagined else ""),
        rows=outlook.decisions[:_MOST_ROWS],
    )


def _at(access: Access, offset: int) -> str:
    """The address of another part of the trash."""
    return url_for("retention.index", tenant_slug=access.tenant.slug, offset=offset or None)
