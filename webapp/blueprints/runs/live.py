"""The fragments that a run's page asks for again while the run is under way."""

from __future__ import annotations

from uuid import UUID

from flask import Response, make_response, render_template, request, url_for

from webapp.blueprints.runs import lists
from webapp.blueprints.runs.base import RUN, bp
from webapp.blueprints.runs.picture import Picture
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires, signed_in
from webapp.domain.permissions import Permission
from webapp.domain.plans import PlanState
from webapp.services import retries, run_results, runs
from webapp.services.access import Access

_MOST_LINES = 500


@bp.get("/runs/running")
@signed_in
def running() -> str:
    return render_template("runs/_running.html")


@bp.get("/t/<string:tenant_slug>/runs/running")
@requires(Permission.VIEW)
def running_here(access: Access) -> str:
    """The same on a page of one tenant; the gate leaves the tenant to the shell."""
    return render_template("runs/_running.html")


@bp.get(RUN + "/progress")
@requires(Permission.VIEW)
def progress(access: Access, run_id: UUID) -> Response:
    run = runs.find(access, run_id)
    results = run_results.of(access, run)
    response = make_response(
        render_template(
            "runs/_progress.html",
            tenant=access.tenant,
            run=run,
            picture=Picture.of(run, zone=access.tenant.timezone),
            results=results,
            can_repeat=retries.can_repeat(run),
            can_repeat_failed=retries.can_repeat_failed(run),
            **abilities(access),
        )
    )
    if request.args.get("then") == "plan" and results.plan_state is PlanState.READY:
        response.headers["HX-Redirect"] = url_for(
            "restores.plan", tenant_slug=access.tenant.slug, plan_id=results.plan_id
        )
    return response


@bp.get(RUN + "/log")
@requires(Permission.VIEW)
def log(access: Access, run_id: UUID) -> Response:
    """The lines behind ``after``; 204 while there are none, which leaves the page as it is."""
    run = runs.find(access, run_id)
    after = max(request.args.get("after", 0, type=int), 0)
    events = runs.events(access, run, after=after, limit=_MOST_LINES)
    if not events and not run.status.is_final:
        return make_response("", 204)
    return make_response(
        render_template("runs/_log.html", tenant=access.tenant, run=run, events=events, after=after)
    )


@bp.get(RUN + "/items")
@requires(Permission.VIEW)
def items(access: Access, run_id: UUID) -> str:
    run = runs.find(access, run_id)
    problems = lists.items_of(access, run)
    return render_template("runs/_items.html", tenant=access.tenant, run=run, problems=problems)
