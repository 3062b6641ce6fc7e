"""The first page: is every customer safe right now?"""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request, url_for

from webapp import clock
from webapp.blueprints.overview.summary import Summary
from webapp.blueprints.web.gate import actor, signed_in
from webapp.blueprints.web.rendering import is_swap, render
from webapp.domain.actors import Actor
from webapp.domain.alerts import Condition
from webapp.services import alerts, overview, unprotected, watching
from webapp.services.overview import PAGE, Page

bp = Blueprint("overview", __name__)

MOST_EXPOSED = 5  # the others are on the list's own page


@bp.get("/")
@signed_in
def index() -> Response:
    who, at = actor(), clock.now()
    offset, words = max(request.args.get("offset", 0, type=int), 0), request.args.get("q", "")
    page = overview.page(who, at=at, offset=offset, limit=PAGE, words=words)
    return render(
        "overview/index.html",
        fragment="overview/_list.html",
        listed=page,
        words=words,
        is_msp_admin=who.is_msp_admin,
        **_links(page, offset, words),
        **({} if is_swap() else _above(who, page, at)),
    )


def _above(who: Actor, page: Page, at: datetime) -> dict[str, object]:
    """What stands above the list."""
    # What is overdue stands among the unprotected, with what helps.
    alert_count, newest = alerts.everywhere(who, without=(Condition.SOURCE_OVERDUE,))
    return {
        "summary": Summary.of(page.totals),
        "exposed": unprotected.everywhere(who, at=at, limit=MOST_EXPOSED),
        "alerts": newest,
        "alert_count": alert_count,
        "silent": watching.silent(at=at) if who.is_msp_admin else [],
    }


def _links(page: Page, offset: int, words: str) -> dict[str, str]:
    """To the parts of the list before and behind this one."""
    step, q = PAGE, words or None
    before = max(offset - step, 0) or None
    newer = url_for("overview.index", offset=before, q=q) if offset else ""
    has_more = offset + len(page.rows) < page.found
    older = url_for("overview.index", offset=offset + step, q=q) if has_more else ""
    return {"newer": newer, "older": older}
