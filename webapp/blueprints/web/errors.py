"""Errors over HTTP. Statuses are known here only. A failed swap puts a notice in its own place."""

from __future__ import annotations

from contextlib import suppress

from flask import (
    Flask,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    url_for,
)
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from webapp import database
from webapp.blueprints.web.rendering import is_swap
from webapp.domain import redaction
from webapp.errors import (
    AppError,
    Conflict,
    ConnectorError,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Throttled,
    Waiting,
)
from webapp.extensions import db, login

_STATUS: dict[type[AppError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    Refused: 409,
    Invalid: 422,
    ConnectorError: 422,
    Throttled: 429,
}

_TITLES = {
    400: "That request could not be understood",
    403: "Not for you",
    404: "Nothing here",
    409: "Not now",
    413: "Too large",
    422: "Not usable as typed",
    429: "Too many tries",
    500: "Something went wrong on our side",
    503: "The database does not answer",
}


def register(app: Flask) -> None:
    app.register_error_handler(Waiting, _waiting)
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    for failure in database.FAILURES:
        app.register_error_handler(failure, _no_answer)
    app.register_error_handler(Exception, _bug)


def _app_error(error: AppError) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    return answer(status, str(error))


def _waiting(error: Waiting) -> AnyResponse:
    """To the request that was kept: nothing went wrong, and nothing is changed yet."""
    with suppress(*database.FAILURES):
        db.session.rollback()
    flash(str(error), "warning")
    to = url_for("requests.show", tenant_slug=error.slug, request_id=error.request_id)
    if not is_swap():
        return redirect(to, code=303)
    response = make_response("", 200)
    response.headers["HX-Redirect"] = to
    return response


def _csrf(_error: CSRFError) -> Response:
    return answer(400, "The form was open for too long. Load the page again; nothing was changed.")


def _http(error: HTTPException) -> Response:
    if error.code is not None and error.code < 400:
        return make_response(error.get_response())
    return answer(error.code or 500, error.description or "")


def _no_answer(error: Exception) -> Response:
    """The database is down, or somebody kept it for too long. What was accepted is kept."""
    current_app.logger.warning("the database does not answer: %s", type(error).__name__)
    g._login_user = login.anonymous_user()  # nobody is looked up to write this page
    return _rendered(503, "Please try again in a minute. Whatever was accepted before is kept.")


def _bug(error: Exception) -> Response:
    current_app.logger.exception("unexpected error", exc_info=error)
    if current_app.testing:
        raise error
    return answer(500, "Nothing more is known here; the log has the details.")


def answer(status: int, message: str) -> Response:
    """A whole page, or for an htmx swap a notice aimed at ``#notices``."""
    with suppress(*database.FAILURES):
        db.session.rollback()
    try:
        return _rendered(status, message)
    except database.FAILURES as error:
        return _no_answer(error)


def _rendered(status: int, message: str) -> Response:
    message = redaction.safe(message)
    title = _TITLES.get(status, "That did not work")
    if not is_swap():
        page = render_template("errors/error.html", status=status, title=title, message=message)
        return make_response(page, status)
    notice = render_template("errors/_notice.html", title=title, message=message)
    response = make_response(notice, status)
    response.headers["HX-Retarget"] = "#notices"
    response.headers["HX-Reswap"] = "innerHTML"
    return response
