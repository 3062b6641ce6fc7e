"""What customers used in a month: a page over all, and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for

from webapp import clock
from webapp.blueprints.web.gate import actor, msp_admin, requires
from webapp.domain.permissions import Permission
from webapp.domain.usage import Month
from webapp.errors import Invalid
from webapp.services import usage_reports
from webapp.services.access import Access

bp = Blueprint("usage", __name__)

_PAGE = 50


@bp.get("/usage")
@msp_admin
def index() -> str:
    month, after = _asked_for(), request.args.get("after", "")[:100]
    reader = usage_reports.of_all(actor())
    found = usage_reports.page(reader, month, after=after, limit=_PAGE + 1)
    shown = found[:_PAGE]
    more = len(found) > _PAGE
    return render_template(
        "usage/index.html",
        month=month,
        lines=shown,
        is_now=month >= _now(),
        older=url_for("usage.index", month=str(month), after=shown[-1].slug) if more else "",
        newest=url_for("usage.index", month=str(month)) if after else "",
    )


@bp.get("/usage/<string:month>.csv")
@msp_admin
def export(month: str) -> Response:
    wanted = _parsed(month)
    lines = usage_reports.csv_lines(usage_reports.of_all(actor()), wanted)
    return _csv(lines, f"usage-{wanted}.csv")


@bp.get("/t/<string:tenant_slug>/usage/<string:month>.csv")
@requires(Permission.VIEW)
def export_one(access: Access, month: str) -> Response:
    wanted = _parsed(month)
    lines = usage_reports.csv_lines(usage_reports.of_tenant(access), wanted)
    return _csv(lines, f"usage-{access.tenant.slug}-{wanted}.csv")


def _csv(lines: Iterator[str], name: str) -> Response:
    streamed: Any = stream_with_context(lines)
    response = Response(streamed, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _asked_for() -> Month:
    """The month in the query; without one, this month."""
    text = request.args.get("month", "")
    return _parsed(text) if text else _now()


def _now() -> Month:
    return Month.of(clock.now().date())


def _parsed(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as problem:
        raise Invalid({"month": str(problem)}) from None
