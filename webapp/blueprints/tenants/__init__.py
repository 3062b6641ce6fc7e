"""Customers: the list, the page of one, and what MSP admins change about it."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.tenants import facts, roots
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import actor, msp_admin, requires, signed_in
from webapp.domain.alerts import Condition
from webapp.domain.permissions import Permission
from webapp.errors import Invalid
from webapp.forms.tenants import TenantForm
from webapp.models import TenantStatus
from webapp.services import alerts, holdings, limits, quotas, tenants, unprotected
from webapp.services.access import Access

bp = Blueprint("tenants", __name__)
roots.add_to(bp)

MOST_EXPOSED = 5  # the others are on the list's own page


@bp.get("/tenants")
@signed_in
def index() -> str:
    return render_template(
        "tenants/index.html", rows=tenants.rows(actor()), can_add=actor().is_msp_admin
    )


@bp.get("/tenants/new")
@msp_admin
def new() -> str:
    return render_template("tenants/new.html", errors={}, form={}, **facts.choices())


@bp.post("/tenants/new")
@msp_admin
def create() -> AnyResponse:
    try:
        typed = TenantForm.parse(request.form, with_slug=True)
        wanted = tenants.Facts(**typed.facts())
        tenant = tenants.add(actor(), typed.slug, wanted, at=clock.now())
    except Invalid as problem:
        return again("tenants/new.html", problem, **facts.choices())
    flash(f"{tenant.name} is there. Grant a folder, so that sources can be added.", "success")
    return see("tenants.edit", tenant_slug=tenant.slug)


@bp.get("/t/<string:tenant_slug>/")
@requires(Permission.VIEW)
def show(access: Access) -> str:
    return render_template(
        "tenants/show.html",
        tenant=access.tenant,
        held=holdings.of(access),
        # What is overdue stands in the list of the unprotected, with what helps.
        alerts=alerts.of_tenant(access, without=(Condition.SOURCE_OVERDUE,)),
        exposed=unprotected.of_tenant(access, at=clock.now(), limit=MOST_EXPOSED),
        limited=limits.overview(access),
        standing=quotas.of(access),
        **abilities(access),
    )


@bp.get("/t/<string:tenant_slug>/edit")
@requires(Permission.ADMINISTER)
def edit(access: Access) -> str:
    return render_template("tenants/edit.html", errors={}, form={}, **facts.of(access))


@bp.post("/t/<string:tenant_slug>/edit")
@requires(Permission.ADMINISTER)
def save(access: Access) -> AnyResponse:
    try:
        typed = TenantForm.parse(request.form)
        tenants.edit(access, tenants.Facts(**typed.facts()))
    except Invalid as problem:
        return again("tenants/edit.html", problem, **facts.of(access))
    flash("Saved.", "success")
    return see("tenants.edit", tenant_slug=access.tenant.slug)


@bp.post("/t/<string:tenant_slug>/status/<any(active,suspended,leaving):status>")
@requires(Permission.ADMINISTER)
def move_to(access: Access, status: str) -> AnyResponse:
    tenant = tenants.move_to(access, TenantStatus(status))
    flash(f"{tenant.name} is now {tenant.status}.", "success")
    return see("tenants.edit", tenant_slug=tenant.slug)
