"""The preview: what a restore will do, item by item."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from webapp.blueprints.restores.base import bp
from webapp.blueprints.restores.plan_page import context
from webapp.blueprints.restores.wording import diff_lines
from webapp.blueprints.web.gate import requires
from webapp.blueprints.web.rendering import render
from webapp.domain.permissions import Permission
from webapp.services import plan_lists, plans
from webapp.services.access import Access


@bp.get("/<uuid:plan_id>")
@requires(Permission.VIEW)
def plan(access: Access, plan_id: UUID) -> Response:
    found = plans.find(access, plan_id)
    return render(
        "restores/plan.html",
        fragment="restores/_changes.html",
        **context(access, found, request.args),
    )


@bp.get("/<uuid:plan_id>/diff/<uuid:item_id>")
@requires(Permission.VIEW_CONTENT)
def diff(access: Access, plan_id: UUID, item_id: UUID) -> Response:
    found = plans.find(access, plan_id)
    item = plan_lists.item(access, found, item_id)
    return render(
        "restores/diff.html",
        fragment="restores/_diff.html",
        tenant=access.tenant,
        plan=found,
        item=item,
        lines=diff_lines(plans.diff(access, item.id)),
    )
