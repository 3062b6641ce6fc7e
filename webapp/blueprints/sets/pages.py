"""The list of restore points, and the page of one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, render_template, request, url_for

from webapp.blueprints.sets.base import bp
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.blueprints.web.rendering import render
from webapp.domain import marks
from webapp.domain.marks import Mark
from webapp.domain.permissions import Permission
from webapp.models import BackupSet
from webapp.services import retention, sets, source_pages, sources
from webapp.services.access import Access

_PAGE = 50


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> Response:
    source_id = request.args.get("source", type=UUID)
    before = marks.read(request.args.get("before", ""))
    found = sets.rows(access, source_id=source_id, limit=_PAGE, before=before)
    return render(
        "sets/index.html",
        fragment="sets/_list.html",
        tenant=access.tenant,
        sets=found,
        sources=sources.rows(access),
        source_id=source_id,
        trashed=retention.count(access),
        older=_at(access, source_id, found[-1]) if len(found) == _PAGE else "",
        newest=_at(access, source_id, None) if before else "",
        **abilities(access),
    )


@bp.get("/<uuid:set_id>")
@requires(Permission.VIEW)
def show(access: Access, set_id: UUID) -> str:
    backup_set = sets.find(access, set_id)
    return render_template(
        "sets/show.html",
        tenant=access.tenant,
        set=backup_set,
        items=backup_set.items,
        why_kept=retention.why(access, backup_set),
        verifying=source_pages.verification_under_way(access, backup_set),
        **abilities(access),
    )


def _at(access: Access, source_id: UUID | None, last: BackupSet | None) -> str:
    """Where the list goes on behind *last*; its beginning without one."""
    before = str(Mark(last.finished_at, last.id)) if last else None
    slug = access.tenant.slug
    return url_for("sets.index", tenant_slug=slug, source=source_id, before=before)
