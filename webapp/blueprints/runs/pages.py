"""Lists of runs, and the page of one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, render_template, request

from webapp.blueprints.runs import lists
from webapp.blueprints.runs.base import RUN, bp
from webapp.blueprints.runs.picture import Picture
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import actor, requires, signed_in
from webapp.blueprints.web.rendering import render
from webapp.domain import marks
from webapp.domain.permissions import Permission
from webapp.services import retries, run_results, runs
from webapp.services.access import Access


@bp.get("/t/<string:tenant_slug>/runs")
@requires(Permission.VIEW)
def index(access: Access) -> Response:
    show = lists.shown(request.args.get("show", ""))
    found = lists.of_tenant(access, show, before=marks.read(request.args.get("before", "")))
    return render(
        "runs/index.html",
        fragment="runs/_list.html",
        tenant=access.tenant,
        tenants={access.tenant.id: access.tenant},
        runs=found,
        parts=lists.parts("runs.index", show, tenant_slug=access.tenant.slug),
        older=lists.older("runs.index", show, found, tenant_slug=access.tenant.slug),
    )


@bp.get("/runs")
@signed_in
def all() -> Response:
    show = lists.shown(request.args.get("show", ""))
    before = marks.read(request.args.get("before", ""))
    tenants, found = lists.of_everybody(actor(), show, before=before)
    return render(
        "runs/all.html",
        fragment="runs/_list.html",
        tenants=tenants,
        runs=found,
        parts=lists.parts("runs.all", show),
        older=lists.older("runs.all", show, found),
    )


@bp.get(RUN)
@requires(Permission.VIEW)
def show(access: Access, run_id: UUID) -> str:
    run = runs.find(access, run_id)
    return render_template(
        "runs/show.html",
        tenant=access.tenant,
        run=run,
        picture=Picture.of(run, zone=access.tenant.timezone),
        results=run_results.of(access, run),
        can_repeat=retries.can_repeat(run),
        can_repeat_failed=retries.can_repeat_failed(run),
        events=runs.events(access, run, after=0),
        after=0,
        problems=lists.items_of(access, run),
        **abilities(access),
    )
