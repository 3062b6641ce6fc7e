"""Page or fragment."""

from __future__ import annotations

from flask import Response, make_response, render_template
from htmx_flask import request
from werkzeug.wrappers import Response as AnyResponse

_VARY = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")


def render(page: str, *, fragment: str, **context: object) -> Response:
    """Render *fragment* for an htmx swap, and *page*, which includes it, for everything else.

    A boosted link and a history restore also carry htmx headers, but want the whole page.
    """
    response = make_response(render_template(fragment if is_swap() else page, **context))
    response.vary.update(_VARY)
    return response


def is_swap() -> bool:
    """Say whether htmx asks for a part of the page that is on screen."""
    htmx = request.htmx
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)


def refresh() -> AnyResponse:
    """Tell htmx to load the whole page again, as after the session has ended."""
    return Response("", 401, headers={"HX-Refresh": "true"})


def wants_json() -> bool:
    return request.path.startswith("/api/")
