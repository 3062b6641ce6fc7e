"""The limits of a customer and of its hosts, its quota, and what it used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import flash, make_response, render_template, request
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.blueprints.limits import base
from webapp.blueprints.limits.base import bp
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import requires
from webapp.domain import sizes
from webapp.domain.permissions import Permission
from webapp.domain.usage import Month
from webapp.errors import Invalid
from webapp.extensions import db
from webapp.forms.limits import QuotaForm
from webapp.services import limits, quotas, usage_reports
from webapp.services.access import Access
from webapp.services.limits import Held, Place

OF_TENANT = "/t/<string:tenant_slug>/limits"
PLACE = f"{OF_TENANT}/<any(tenant,host):scope>"


@dataclass(frozen=True)
class Row:
    """One line of the table: where, what holds, and where it is changed (empty: not here)."""

    name: str
    held: Held
    urls: Mapping[str, str]


@bp.get(OF_TENANT)
@requires(Permission.VIEW)
def index(access: Access) -> str:
    return _page(access, form={}, problems={})


@bp.get(f"{PLACE}/edit")
@requires(Permission.MANAGE)
def edit(access: Access, scope: str) -> str:
    return base.edit_page(_place(access, scope))


@bp.post(f"{PLACE}/edit")
@requires(Permission.MANAGE)
def save(access: Access, scope: str) -> ResponseReturnValue:
    return base.save(_place(access, scope))


@bp.get(f"{PLACE}/pause")
@requires(Permission.MANAGE)
def pausing(access: Access, scope: str) -> str:
    return base.pause_page(_place(access, scope))


@bp.post(f"{PLACE}/pause")
@requires(Permission.MANAGE)
def pause(access: Access, scope: str) -> ResponseReturnValue:
    return base.pause(_place(access, scope))


@bp.post(f"{PLACE}/resume")
@requires(Permission.MANAGE)
def resume(access: Access, scope: str) -> ResponseReturnValue:
    return base.resume(_place(access, scope))


@bp.post(f"{PLACE}/clear")
@requires(Permission.MANAGE)
def clear(access: Access, scope: str) -> ResponseReturnValue:
    return base.clear(_place(access, scope))


@bp.post(f"{OF_TENANT}/quota")
@requires(Permission.ADMINISTER)
def quota(access: Access) -> ResponseReturnValue:
    try:
        wanted = QuotaForm.parse(request.form).quota_bytes
        quotas.choose(access, wanted)
    except Invalid as problem:
        db.session.rollback()
        return make_response(_page(access, form=request.form, problems=problem.fields), 422)
    text = f"The quota is {sizes.exact(wanted)}." if wanted else "There is no quota any more."
    flash(text, "success")
    return see("limits.index", tenant_slug=access.tenant.slug)


def _page(access: Access, *, form: Mapping[str, str], problems: Mapping[str, str]) -> str:
    found = limits.overview(access)
    standing = quotas.of(access)
    return render_template(
        "limits/index.html",
        tenant=access.tenant,
        zone=access.tenant.timezone,
        above=found.installation,
        rows=_rows(access, found),
        standing=standing,
        quota_text=sizes.exact(standing.quota_bytes) if standing.quota_bytes else "",
        months=usage_reports.months_of(access, last=Month.of(clock.now().date())),
        form=form,
        problems=problems,
        **abilities(access),
    )


def _rows(access: Access, found: limits.Overview) -> list[Row]:
    may_change = access.may(Permission.MANAGE)
    own = base.urls_of(limits.of_tenant(access)) if may_change else {}
    rows = [Row("All of this customer", found.tenant, own)]
    for host, held in found.hosts.items():
        urls = base.urls_of(limits.of_known_host(access, host)) if may_change else {}
        rows.append(Row(f"The host {host}" if host else "This machine", held, urls))
    return rows


def _place(access: Access, scope: str) -> Place:
    if scope == "host":
        return limits.of_host(access, request.args.get("host", ""))
    return limits.of_tenant(access)
