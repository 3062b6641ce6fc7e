"""The blueprint that the modules of this family add their views to."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("runs", __name__)

RUN = "/t/<string:tenant_slug>/runs/<uuid:run_id>"
