"""Who is signed in: how a session's cookie leads to a person."""

from __future__ import annotations

from uuid import UUID

from flask import redirect, request, url_for
from flask_login import LoginManager
from werkzeug.wrappers import Response

from webapp.blueprints.web.rendering import is_swap, refresh
from webapp.extensions import db
from webapp.models import User


def register(login: LoginManager) -> None:
    login.user_loader(load)
    login.unauthorized_handler(_sign_in_first)
    login.session_protection = "basic"


def load(session_id: str) -> User | None:
    """The person, unless disabled or all their sessions were ended since (the epoch went up)."""
    raw_id, _, epoch = session_id.partition(".")
    try:
        user = db.session.get(User, UUID(raw_id))
    except ValueError:
        return None
    if user is None or user.is_disabled or str(user.session_epoch) != epoch:
        return None
    return user


def _sign_in_first() -> Response:
    """A poll after sign-out must not fetch the sign-in page into a corner of the screen."""
    if is_swap():
        return refresh()
    return redirect(url_for("sign_in.show", next=request.full_path.rstrip("?")), code=303)
