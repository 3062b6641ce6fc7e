"""What one person was told: the list behind the bell."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import actor, signed_in
from webapp.blueprints.web.rendering import render
from webapp.services.notify import bell
from webapp.services.notify.bell import Line

bp = Blueprint("notifications", __name__, url_prefix="/notifications")

PAGE = 100


@bp.get("")
@signed_in
def index() -> Response:
    show = "unread" if request.args.get("show") == "unread" else ""
    found = bell.latest(
        actor(), before=_moment(request.args.get("before", "")), unread_only=bool(show), limit=PAGE
    )
    return render(
        "notifications/index.html",
        fragment="notifications/_list.html",
        lines=found,
        unread=bell.unread_count(actor()),
        show=show,
        older=_older(found, show),
    )


@bp.post("/read")
@signed_in
def read_all() -> AnyResponse:
    bell.mark_all_read(actor(), at=clock.now())
    return see("notifications.index")


@bp.post("/<uuid:notification_id>/read")
@signed_in
def read(notification_id: UUID) -> AnyResponse:
    bell.mark_read(actor(), notification_id, at=clock.now())
    return see("notifications.index", show=request.args.get("show") or None)


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _older(found: list[Line], show: str) -> str:
    """The address of the next part: there may be one if this one is full."""
    count = sum(1 + len(line.earlier) for line in found)
    if count < PAGE:
        return ""
    last = min(one.created_at for line in found for one in (line.notification, *line.earlier))
    return url_for("notifications.index", show=show or None, before=last.isoformat())
