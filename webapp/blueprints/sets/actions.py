"""What can be done to a restore point: verify it, pin it."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.blueprints.sets.base import bp
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services import sets
from webapp.services.access import Access


@bp.post("/<uuid:set_id>/verify")
@requires(Permission.OPERATE)
def verify(access: Access, set_id: UUID) -> Response:
    run, _ = sets.verify(access, set_id)
    return redirect(url_for("runs.show", tenant_slug=access.tenant.slug, run_id=run.id), code=303)


@bp.post("/<uuid:set_id>/pin")
@requires(Permission.MANAGE)
def pin(access: Access, set_id: UUID) -> Response:
    pinned = request.form.get("pinned") == "1"
    sets.pin(access, set_id, pinned=pinned)
    flash("It stays, whatever retention says." if pinned else "It is no longer pinned.", "success")
    return redirect(url_for("sets.show", tenant_slug=access.tenant.slug, set_id=set_id), code=303)
