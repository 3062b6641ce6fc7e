"""Who is signed in: how a session's cookie leads to a person."""

from __future__ import annotations

import time
from uuid import UUID

from flask import current_app, redirect, request, session, url_for
from flask_login import LoginManager
from werkzeug.wrappers import Response

from webapp.blueprints.web.rendering import is_swap, refresh
from webapp.blueprints.web.session import BEGUN
from webapp.extensions import db
from webapp.models import User


def register(login: LoginManager) -> None:
    login.user_loader(load)
    login.unauthorized_handler(_sign_in_first)
    login.session_protection = "basic"


def load(session_id: str) -> User | None:
    """The person, unless disabled, or the session is too old, or all of theirs were ended since
    (the epoch went up)."""
    raw_id, _, epoch = session_id.partition(".")
    try:
        user = db.session.get(User, UUID(raw_id))
    except ValueError:
        return None
    if user is None or user.is_disabled or str(user.session_epoch) != epoch or _is_too_old():
        return None
    return user


def _is_too_old() -> bool:
    """The cookie is renewed while it is used; the moment of signing in stays what it was."""
    age = time.time() - session.get(BEGUN, 0)
    return bool(age > current_app.permanent_session_lifetime.total_seconds())


def _sign_in_first() -> Response:
    """A poll after sign-out must not fetch the sign-in page into a corner of the screen."""
    if is_swap():
        return refresh()
    return redirect(url_for("sign_in.show", next=request.full_path.rstrip("?")), code=303)
