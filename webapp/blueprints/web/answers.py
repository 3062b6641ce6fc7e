"""What many pages answer with: a redirect after an act, and a form that needs another look."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from webapp.errors import Invalid
from webapp.extensions import db


def see(endpoint: str, **values: Any) -> AnyResponse:
    """Send the browser to a page after an act, with GET."""
    return redirect(url_for(endpoint, **values), code=303)


def again(page: str, problem: Invalid, **context: object) -> Response:
    """The form once more, as typed, with a sentence beside each field that needs it."""
    db.session.rollback()
    html = render_template(page, errors=problem.fields, form=request.form, **context)
    return make_response(html, 422)
