"""Background work: of one tenant, of all of one's tenants, and one run live."""

from __future__ import annotations

from flask import Blueprint, render_template

from webapp.blueprints.web.gate import actor, signed_in
from webapp.services import running_work

bp = Blueprint("runs", __name__)


@bp.get("/runs/running")
@signed_in
def running() -> str:
    return render_template("runs/_running.html", running_count=running_work.count(actor()))


@bp.get("/runs")
@signed_in
def all() -> str:
    return render_template("runs/all.html")
