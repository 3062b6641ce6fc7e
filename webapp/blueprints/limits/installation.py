"""The limits of the installation, and the customers of whom something is said."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.blueprints.limits import base
from webapp.blueprints.limits.base import bp
from webapp.blueprints.web.gate import actor, msp_admin
from webapp.services import limited_customers, limits

_PAGE = 50


@bp.get("/limits")
@msp_admin
def installation() -> str:
    place = limits.of_installation(actor())
    after = request.args.get("after", "")[:100]
    found = limited_customers.rows(actor(), after=after, limit=_PAGE + 1)
    shown = found[:_PAGE]
    is_more = len(found) > _PAGE
    return render_template(
        "limits/installation.html",
        held=limits.read(place),
        urls=base.urls_of(place),
        customers=shown,
        older=url_for("limits.installation", after=shown[-1].tenant.slug) if is_more else "",
        newest=url_for("limits.installation") if after else "",
    )


@bp.get("/limits/edit")
@msp_admin
def edit_installation() -> str:
    return base.edit_page(limits.of_installation(actor()))


@bp.post("/limits/edit")
@msp_admin
def save_installation() -> ResponseReturnValue:
    return base.save(limits.of_installation(actor()))


@bp.get("/limits/pause")
@msp_admin
def pausing_installation() -> str:
    return base.pause_page(limits.of_installation(actor()))


@bp.post("/limits/pause")
@msp_admin
def pause_installation() -> ResponseReturnValue:
    return base.pause(limits.of_installation(actor()))


@bp.post("/limits/resume")
@msp_admin
def resume_installation() -> ResponseReturnValue:
    return base.resume(limits.of_installation(actor()))


@bp.post("/limits/clear")
@msp_admin
def clear_installation() -> ResponseReturnValue:
    return base.clear(limits.of_installation(actor()))
