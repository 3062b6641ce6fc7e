"""The folders of this machine that a tenant's sources may use."""

from __future__ import annotations

from flask import Blueprint, flash, request
from werkzeug.wrappers import Response as AnyResponse

from webapp.blueprints.tenants import facts
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.services import tenants
from webapp.services.access import Access


def add_to(bp: Blueprint) -> None:
    place = "/t/<string:tenant_slug>/roots"
    bp.add_url_rule(place, view_func=grant_root, methods=["POST"])
    bp.add_url_rule(f"{place}/revoke", view_func=revoke_root, methods=["POST"])


@requires(Permission.ADMINISTER)
def grant_root(access: Access) -> AnyResponse:
    try:
        root = tenants.grant_root(access, request.form.get("root", ""))
    except Invalid as problem:
        return again("tenants/edit.html", problem, **facts.of(access))
    flash(f"{root} is granted. A source's check will show whether it can be read.", "success")
    return see("tenants.edit", tenant_slug=access.tenant.slug)


@requires(Permission.ADMINISTER)
def revoke_root(access: Access) -> AnyResponse:
    root = request.form.get("root", "")
    tenants.revoke_root(access, root)
    flash(f"{root} is taken back. Sources below it can no longer be read or restored.", "warning")
    return see("tenants.edit", tenant_slug=access.tenant.slug)
