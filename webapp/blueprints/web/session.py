"""The browser's session: how it begins and ends, and where a person is sent after sign-in."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from flask import request, session, url_for
from flask_login import current_user, login_user, logout_user

from webapp.models import User

BEGUN = "begun"  # seconds; a session has a longest life, however busy it is


def begin(user: User) -> None:
    """Start anew: nothing that was in the session before sign-in survives it."""
    session.clear()
    session.permanent = True
    session[BEGUN] = int(time.time())
    login_user(user)


def end() -> None:
    """Sign out, and leave nothing behind."""
    logout_user()
    session.clear()


def me() -> User:
    """The person signed in; for views behind the gate."""
    user: User = current_user._get_current_object()
    return user


def address() -> str:
    """Where the request came from, for throttling and the audit log."""
    return request.remote_addr or "unknown"


def own_path(target: str | None) -> str:
    """*target* if it is a path of this console, else the first page.

    Browsers read a backslash as a slash and skip control characters, so neither is let through.
    """
    path = target or ""
    is_plain = path.isprintable() and "\\" not in path
    parts = urlsplit(path) if is_plain else urlsplit("")
    if not path.startswith("/") or path.startswith("//") or parts.scheme or parts.netloc:
        return url_for("overview.index")
    return path if is_plain else url_for("overview.index")
