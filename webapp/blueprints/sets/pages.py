"""The list of restore points, and the page of one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, render_template, request, url_for

from webapp.blueprints.sets.base import bp
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.blueprints.web.rendering import render
from webapp.domain.permissions import Permission
from webapp.services import retention, sets, source_pages, sources
from webapp.services.access import Access

_PAGE = 50


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> Response:
    source_id = request.args.get("source", type=UUID)
    offset = max(request.args.get("offset", 0, type=int), 0)
    found = sets.rows(access, source_id=source_id, limit=_PAGE, offset=offset)
    return render(
        "sets/index.html",
        fragment="sets/_list.html",
        tenant=access.tenant,
        sets=found,
        sources=sources.rows(access),
        source_id=source_id,
        trashed=retention.count(access),
        older=_at(access, source_id, offset + _PAGE) if len(found) == _PAGE else "",
        newer=_at(access, source_id, max(offset - _PAGE, 0)) if offset else "",
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


def _at(access: Access, source_id: UUID | None, offset: int) -> str:
    slug = access.tenant.slug
    return url_for("sets.index", tenant_slug=slug, source=source_id, offset=offset or None)
