"""The list of sources that are unprotected or overdue: of all one's tenants, and of one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from webapp import clock
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import actor, requires, signed_in
from webapp.domain.permissions import Permission
from webapp.services import unprotected
from webapp.services.access import Access
from webapp.services.unprotected import PAGE, Found

bp = Blueprint("unprotected", __name__)

_FARTHEST = 1_000_000


@bp.get("/unprotected")
@signed_in
def everywhere() -> str:
    found = unprotected.everywhere(actor(), at=clock.now(), offset=_offset(), limit=PAGE)
    return render_template(
        "unprotected/all.html", found=found, **_links(found, "unprotected.everywhere")
    )


@bp.get("/t/<string:tenant_slug>/unprotected")
@requires(Permission.VIEW)
def of_tenant(access: Access) -> str:
    found = unprotected.of_tenant(access, at=clock.now(), offset=_offset(), limit=PAGE)
    return render_template(
        "unprotected/index.html",
        tenant=access.tenant,
        found=found,
        **_links(found, "unprotected.of_tenant", tenant_slug=access.tenant.slug),
        **abilities(access),
    )


def _offset() -> int:
    return min(max(request.args.get("offset", 0, type=int), 0), _FARTHEST)


def _links(found: Found, endpoint: str, **values: Any) -> dict[str, str]:
    """To the parts of the list before and behind this one."""
    offset = _offset()
    newer = url_for(endpoint, offset=max(offset - PAGE, 0) or None, **values) if offset else ""
    has_more = offset + len(found.rows) < found.total
    older = url_for(endpoint, offset=offset + PAGE, **values) if has_more else ""
    return {"newer": newer, "older": older}
