"""The blueprint that the modules of this family add their views to."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("schedule_templates", __name__)

ALL = "/schedule-templates"
TEMPLATE = f"{ALL}/<uuid:template_id>"
