"""Two addresses for machines: does the process live, and can it serve?"""

from __future__ import annotations

from flask import Blueprint, Response

from webapp.blueprints.web.gate import open_to_all
from webapp.services import health

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@open_to_all
def alive() -> Response:
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
@open_to_all
def ready() -> Response:
    if health.database_answers():
        return Response("ready\n", mimetype="text/plain")
    return Response("the database does not answer\n", 503, mimetype="text/plain")
