"""Runs over many items: started from ticked rows, listed, and looked into."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.blueprints.runs import lists
from webapp.blueprints.web.gate import requires
from webapp.domain import marks
from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.services import bulk
from webapp.services.access import Access

bp = Blueprint("bulk", __name__, url_prefix="/t/<string:tenant_slug>/bulk")

_PAGE = 50
_ITEMS = 100


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> str:
    before = marks.read(request.args.get("before", ""))
    rows = bulk.latest(access, limit=_PAGE, before=before)
    slug = access.tenant.slug
    older = ""
    if len(rows) == _PAGE:
        older = url_for("bulk.index", tenant_slug=slug, before=str(lists.mark_of(rows[-1].run)))
    return render_template("bulk/index.html", tenant=access.tenant, rows=rows, older=older)


@bp.get("/<uuid:bulk_run_id>")
@requires(Permission.VIEW)
def show(access: Access, bulk_run_id: UUID) -> str:
    return _page(access, bulk_run_id, "bulk/show.html")


@bp.get("/<uuid:bulk_run_id>/items")
@requires(Permission.VIEW)
def items(access: Access, bulk_run_id: UUID) -> str:
    return _page(access, bulk_run_id, "bulk/_items.html")


@bp.post("/capture")
@requires(Permission.OPERATE)
def capture(access: Access) -> Response:
    """Capture the ticked sources."""
    return _start(access, "source", "capture", back="sources.index")


@bp.post("/verify")
@requires(Permission.OPERATE)
def verify(access: Access) -> Response:
    """Read the ticked backup sets back."""
    return _start(access, "backup_set", "verify", back="sets.index")


def _page(access: Access, run_id: UUID, template: str) -> str:
    row = bulk.find(access, run_id)
    offset = max(request.args.get("offset", 0, type=int), 0)
    items = bulk.items(access, row, offset=offset, limit=_ITEMS)
    return render_template(
        template,
        tenant=access.tenant,
        row=row,
        run=row.run,
        items=items,
        offset=offset,
        newer=_at(access, run_id, max(offset - _ITEMS, 0)) if offset else "",
        older=_at(access, run_id, offset + _ITEMS) if offset + _ITEMS < row.count else "",
    )


def _at(access: Access, run_id: UUID, offset: int) -> str:
    """Where the page shows the items from *offset* on."""
    slug = access.tenant.slug
    return url_for("bulk.show", tenant_slug=slug, bulk_run_id=run_id, offset=offset or None)


def _start(access: Access, resource: str, action: str, *, back: str) -> Response:
    slug = access.tenant.slug
    ids = request.form.getlist("item", type=UUID)
    try:
        run, is_new = bulk.start(
            access, resource, action, ids, reason=request.form.get("reason", "")
        )
    except Invalid as problem:
        flash(" ".join(problem.fields.values()), "warning")
        return redirect(url_for(back, tenant_slug=slug), code=303)
    if not is_new:
        flash("The same work is already under way; this is that run.", "info")
    return redirect(url_for("runs.show", tenant_slug=slug, run_id=run.id), code=303)
