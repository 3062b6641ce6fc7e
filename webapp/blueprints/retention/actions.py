"""What can be done about retention: run it, clean up, bring back, choose rules."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webapp.blueprints.retention import pages
from webapp.blueprints.retention.base import bp
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.forms.retention import OwnRulesForm
from webapp.models import Run
from webapp.services import retention
from webapp.services.access import Access


@bp.post("/run")
@requires(Permission.OPERATE)
def run(access: Access) -> Response:
    return _to_run(access, retention.of_all(access)[0])


@bp.post("/clean-up")
@requires(Permission.MANAGE)
def clean_up(access: Access) -> Response:
    most = request.form.get("may_free_most") == "1"
    return _to_run(access, retention.purge(access, may_free_most=most)[0])


@bp.post("/trash/<uuid:trashed_id>/undelete")
@requires(Permission.MANAGE)
def undelete(access: Access, trashed_id: UUID) -> Response:
    retention.undelete(access, trashed_id)
    flash("It is back, and pinned: no rule takes it away again.", "success")
    slug = access.tenant.slug
    return redirect(url_for("sets.show", tenant_slug=slug, set_id=trashed_id), code=303)


@bp.post("/trash/undelete")
@requires(Permission.MANAGE)
def undelete_many(access: Access) -> Response:
    """Bring the ticked ones back."""
    try:
        count = retention.undelete_many(access, request.form.getlist("item", type=UUID))
    except Invalid as problem:
        flash(" ".join(problem.fields.values()), "warning")
    else:
        what = "set is" if count == 1 else "sets are"
        flash(f"{count} {what} back, and pinned: no rule takes them away again.", "success")
    return redirect(url_for("retention.index", tenant_slug=access.tenant.slug), code=303)


@bp.post("/rules")
@requires(Permission.MANAGE)
def rules(access: Access) -> ResponseReturnValue:
    try:
        form = OwnRulesForm.parse(request.form)
        retention.choose(
            access,
            hand_days=form.hand_days,
            pre_restore_days=form.pre_restore_days,
            reason=request.form.get("reason", ""),
        )
    except Invalid as problem:
        return pages.page(access, typed=request.form, problems=problem.fields), 422
    flash("The rules are saved. They count from the next retention on.", "success")
    return redirect(url_for("retention.index", tenant_slug=access.tenant.slug), code=303)


def _to_run(access: Access, run: Run) -> Response:
    slug = access.tenant.slug
    return redirect(url_for("runs.show", tenant_slug=slug, run_id=run.id), code=303)
