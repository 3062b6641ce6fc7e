"""The first page: is every customer safe right now?"""

from __future__ import annotations

from flask import Blueprint, Response, request

from webapp import clock
from webapp.blueprints.overview.summary import Summary
from webapp.blueprints.web.gate import actor, signed_in
from webapp.blueprints.web.rendering import render
from webapp.services import alerts, overview, watching

bp = Blueprint("overview", __name__)

MOST_ROWS = 200  # the most urgent; a page of thousands is asked for


@bp.get("/")
@signed_in
def index() -> Response:
    who = actor()
    rows = overview.rows(who, at=clock.now())
    alert_count, newest = alerts.everywhere(who)
    return render(
        "overview/index.html",
        fragment="overview/_list.html",
        rows=rows if "all" in request.args else rows[:MOST_ROWS],
        tenants=len(rows),
        summary=Summary.of(rows),
        is_msp_admin=who.is_msp_admin,
        alerts=newest,
        alert_count=alert_count,
        silent=watching.silent(at=clock.now()) if who.is_msp_admin else [],
    )
