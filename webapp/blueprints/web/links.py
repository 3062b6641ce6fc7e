"""The whole address of a one-time link, to be copied and handed over."""

from __future__ import annotations

from flask import url_for

from webapp.services import installation


def link_address(secret: str) -> str:
    """Begins with the public address if one is set: a forged Host header must not get in."""
    public = installation.settings().public_url
    if public:
        return public + url_for("sign_in.link", secret=secret)
    return url_for("sign_in.link", secret=secret, _external=True)
