"""The blueprint that the modules of this family add their views to."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("retention", __name__, url_prefix="/t/<string:tenant_slug>/retention")
