"""Who brought what back, for auditors: of one tenant, or of all where one may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, stream_with_context, url_for

from webapp.blueprints.web.gate import actor, requires, signed_in
from webapp.blueprints.web.rendering import render
from webapp.domain import marks
from webapp.domain.actors import Actor
from webapp.domain.marks import Mark, Page
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden
from webapp.forms.periods import Period
from webapp.models import RunItem
from webapp.services import access as gate
from webapp.services import restore_log
from webapp.services.access import Access

bp = Blueprint("restore_log", __name__)

_PAGE = 20
_ITEMS = 50  # of each restore
_MOST_CSV = 100_000


@bp.get("/t/<string:tenant_slug>/restore-log")
@requires(Permission.VIEW_AUDIT)
def index(access: Access) -> Response:
    here: dict[str, Any] = {"tenant_slug": access.tenant.slug}
    return _page(
        access, access.tenant.timezone, lambda name, **asked: url_for(name, **here, **asked)
    )


@bp.get("/t/<string:tenant_slug>/restore-log.csv")
@requires(Permission.VIEW_AUDIT)
def export(access: Access) -> Response:
    return _csv(access, access.tenant.timezone, f"restore-log-{access.tenant.slug}.csv")


@bp.get("/restore-log")
@signed_in
def everywhere() -> Response:
    return _page(actor(), "UTC", url_for, tenants=gate.tenants_of(actor()))


@bp.get("/restore-log.csv")
@signed_in
def export_everywhere() -> Response:
    return _csv(actor(), "UTC", "restore-log.csv")


def _page(who: Access | Actor, zone: str, url: Callable[..., str], **more: Any) -> Response:
    rows = _rows(who, zone, Page(_PAGE, marks.read(request.args.get("before", ""))))
    asked = {name: value for name, value in request.args.items() if value and name != "before"}
    here = f"restore_log.{'index' if isinstance(who, Access) else 'everywhere'}"
    export = f"restore_log.export{'' if isinstance(who, Access) else '_everywhere'}"
    return render(
        "restore_log/index.html",
        fragment="restore_log/_list.html",
        tenant=who.tenant if isinstance(who, Access) else None,
        zone=zone,
        rows=rows,
        most_items=_ITEMS,
        items=_items(who, rows),
        older=_older(rows, url, here, asked),
        asked=asked,
        csv_url=url(export, **asked),
        **more,
    )


def _csv(who: Access | Actor, zone: str, name: str) -> Response:
    lines = restore_log.csv_lines(who, _rows(who, zone, Page(_MOST_CSV)))
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rows(who: Access | Actor, zone: str, page: Page) -> list[dict[str, Any]]:
    period = Period.parse(request.args)
    try:
        return restore_log.rows(
            who,
            since=period.begins_at(zone),
            until=period.ends_at(zone),
            actor_text=request.args.get("actor", "").strip(),
            tenant="" if isinstance(who, Access) else request.args.get("tenant", ""),
            page=page,
        )
    except Forbidden:
        if isinstance(who, Access):
            raise
        return []  # in none of their tenants, or not there: shown as an empty log


def _older(
    rows: list[dict[str, Any]], url: Callable[..., str], here: str, asked: dict[str, str]
) -> str:
    """The address of the list's next part; empty where this is the last."""
    if len(rows) < _PAGE:
        return ""
    last = Mark(rows[-1]["queued_at"], UUID(rows[-1]["run_id"]))
    return url(here, **asked, before=str(last))


def _items(who: Access | Actor, rows: list[dict[str, Any]]) -> dict[str, list[RunItem]]:
    """The first items of each run, under the id as its row writes it."""
    if not rows:
        return {}
    found = restore_log.items(who, [UUID(row["run_id"]) for row in rows], most=_ITEMS)
    return {str(run_id): listed for run_id, listed in found.items()}
