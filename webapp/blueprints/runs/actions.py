"""What a person can do to a run: stop it, repeat it."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.blueprints.runs.base import RUN, bp
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.services import retries, runs
from webapp.services.access import Access


@bp.post(RUN + "/cancel")
@requires(Permission.PREVIEW)
def cancel(access: Access, run_id: UUID) -> Response:
    """The service asks for what this sort of run needs: a previewer stops previews only."""
    runs.cancel(access, run_id)
    flash("The run has been told to stop. It ends after the item it is at.", "info")
    return _to(access, run_id)


@bp.post(RUN + "/retry")
@requires(Permission.OPERATE)
def retry(access: Access, run_id: UUID) -> Response:
    failed_only = request.form.get("failed_only") == "1"
    run, is_new = retries.again(access, run_id, failed_only=failed_only)
    if not is_new:
        flash("The same work is already under way; this is that run.", "info")
    return _to(access, run.id)


def _to(access: Access, run_id: UUID) -> Response:
    return redirect(url_for("runs.show", tenant_slug=access.tenant.slug, run_id=run_id), code=303)
