"""The first page: is every customer safe right now?"""

from __future__ import annotations

from flask import Blueprint, render_template

from webapp.blueprints.web.gate import signed_in

bp = Blueprint("overview", __name__)


@bp.get("/")
@signed_in
def index() -> str:
    return render_template("overview/index.html")
