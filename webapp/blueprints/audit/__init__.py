"""The audit log: of a tenant, and of the installation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for

from webapp.blueprints.web.answers import again
from webapp.blueprints.web.gate import actor, msp_admin, requires
from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.extensions import write_transaction
from webapp.forms.audit import AuditFilter
from webapp.models import AuditEntry
from webapp.services import audit_chain, audit_log
from webapp.services.access import Access
from webapp.services.audit_log import Chain, Filter

bp = Blueprint("audit", __name__)

_PAGE = 50
_KEPT = ("actor", "action", "since", "until")
_CHECKED_AT_ONCE = 500  # links that are recomputed for every look at the page; more on demand


@bp.get("/t/<string:tenant_slug>/audit")
@requires(Permission.VIEW_AUDIT)
def index(access: Access) -> str | Response:
    return _page(audit_log.of_tenant(access))


@bp.get("/t/<string:tenant_slug>/audit/export.<any(csv,jsonl):form>")
@requires(Permission.VIEW_AUDIT)
def export(access: Access, form: str) -> Response:
    return _export(audit_log.of_tenant(access), form)


@bp.get("/audit")
@msp_admin
def installation() -> str | Response:
    return _page(audit_log.of_installation(actor()))


@bp.get("/audit/export.<any(csv,jsonl):form>")
@msp_admin
def export_installation(form: str) -> Response:
    return _export(audit_log.of_installation(actor()), form)


def _page(chain: Chain) -> str | Response:
    try:
        typed = AuditFilter.parse(request.args)
    except Invalid as problem:
        return again("audit/index.html", problem, **_facts(chain, []))
    found = audit_log.newest(chain, _filter(chain, typed), limit=_PAGE + 1, before=typed.before)
    return render_template("audit/index.html", errors={}, **_facts(chain, found))


def _facts(chain: Chain, found: list[AuditEntry]) -> dict[str, object]:
    kept = {name: value for name, value in request.args.items() if name in _KEPT and value}
    length = audit_chain.length(chain.id)
    is_checked = length <= _CHECKED_AT_ONCE or "verify" in request.args
    return {
        "tenant": chain.tenant,
        "zone": chain.tenant.timezone if chain.tenant else "UTC",
        "entries": found[:_PAGE],
        "kept": kept,
        "links": _links(chain, kept, oldest=found[_PAGE - 1].seq if len(found) > _PAGE else None),
        "actions": [("", "Everything"), *((a, a) for a in audit_log.actions(chain))],
        "length": length,
        "verdict": audit_chain.verify(chain.id) if is_checked else None,
    }


def _links(chain: Chain, kept: dict[str, str], *, oldest: int | None) -> dict[str, str]:
    """Addresses of the other views of the same entries; empty where there is nothing to see."""
    page, export, place = "audit.installation", "audit.export_installation", dict[str, Any]()
    if chain.tenant:
        page, export, place = "audit.index", "audit.export", {"tenant_slug": chain.tenant.slug}
    same: dict[str, Any] = {**place, **kept}
    return {
        "all": url_for(page, **place),
        "csv": url_for(export, form="csv", **same),
        "jsonl": url_for(export, form="jsonl", **same),
        "verify": url_for(page, verify=1, **same),
        "older": url_for(page, before=oldest, **same) if oldest else "",
        "newest": url_for(page, **same) if "before" in request.args else "",
    }


def _export(chain: Chain, form: str) -> Response:
    wanted = _filter(chain, AuditFilter.parse(request.args))
    with write_transaction():
        audit_log.note_export(chain, wanted, form)
    write = audit_log.csv_lines if form == "csv" else audit_log.json_lines
    name = f"audit-{chain.tenant.slug if chain.tenant else 'installation'}.{form}"
    kind = "text/csv" if form == "csv" else "application/x-ndjson"
    lines: Iterator[str] = stream_with_context(write(chain, wanted))
    response = Response(lines, content_type=f"{kind}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _filter(chain: Chain, typed: AuditFilter) -> Filter:
    zone = _zone(chain)

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), zone)

    return Filter(
        actor=typed.actor,
        action=typed.action,
        since=midnight(typed.since_on) if typed.since_on else None,
        until=midnight(typed.until_on + timedelta(days=1)) if typed.until_on else None,
    )


def _zone(chain: Chain) -> tzinfo:
    name = chain.tenant.timezone if chain.tenant else "UTC"
    return UTC if name == "UTC" else ZoneInfo(name)
