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
    """Ready is whoever can serve pages; what keeps the workers waiting is told beside it."""
    if not health.database_answers():
        return Response("the database does not answer\n", 503, mimetype="text/plain")
    trouble = health.trouble()
    return Response(f"ready\n{trouble}\n" if trouble else "ready\n", mimetype="text/plain")
