"""What can be done to a restore point: verify, pin, hold, delete it."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.blueprints.sets.base import bp
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services import retention, sets
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
    return _to(access, set_id)


@bp.post("/<uuid:set_id>/hold")
@requires(Permission.MANAGE)
def hold(access: Access, set_id: UUID) -> Response:
    retention.hold(access, set_id, reason=_reason())
    flash("It is on hold: nothing deletes it until it is released.", "success")
    return _to(access, set_id)


@bp.post("/<uuid:set_id>/release")
@requires(Permission.MANAGE)
def release(access: Access, set_id: UUID) -> Response:
    retention.release(access, set_id, reason=_reason())
    flash("It is no longer on hold.", "success")
    return _to(access, set_id)


@bp.post("/<uuid:set_id>/delete")
@requires(Permission.MANAGE)
def delete(access: Access, set_id: UUID) -> Response:
    retention.delete(access, set_id, reason=_reason())
    flash("It is in the trash. For 7 days it can be brought back.", "success")
    return redirect(url_for("retention.index", tenant_slug=access.tenant.slug), code=303)


def _reason() -> str:
    """Two forms of one page ask for one, each under a name of its own."""
    return request.form.get("hold_reason") or request.form.get("reason", "")


def _to(access: Access, set_id: UUID) -> Response:
    return redirect(url_for("sets.show", tenant_slug=access.tenant.slug, set_id=set_id), code=303)
