"""What can be started at a source."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.blueprints.sources.base import bp
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services import captures, sources
from webapp.services.access import Access


@bp.post("/<uuid:source_id>/capture")
@requires(Permission.OPERATE)
def capture(access: Access, source_id: UUID) -> Response:
    run, is_new = captures.start(
        access,
        source_id,
        backup_type=request.form.get("backup_type", "full"),
        reason=request.form.get("reason", ""),
    )
    if not is_new:
        flash("This capture is already under way; this is it.", "info")
    return redirect(url_for("runs.show", tenant_slug=access.tenant.slug, run_id=run.id), code=303)


@bp.post("/<uuid:source_id>/check")
@requires(Permission.OPERATE)
def start_check(access: Access, source_id: UUID) -> Response:
    sources.check(access, source_id)
    slug = access.tenant.slug
    return redirect(url_for("sources.show", tenant_slug=slug, source_id=source_id), code=303)
