"""The blueprint that the modules of this family add their views to."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from webapp.blueprints.web.answers import see
from webapp.services.access import Access

bp = Blueprint("schedules", __name__)

OF_TENANT = "/t/<string:tenant_slug>/schedules"
SCHEDULE = f"{OF_TENANT}/<uuid:schedule_id>"


def to_page(access: Access, schedule_id: UUID) -> Response:
    """Send the browser to a schedule's page after an act."""
    return see("schedules.show", tenant_slug=access.tenant.slug, schedule_id=schedule_id)
