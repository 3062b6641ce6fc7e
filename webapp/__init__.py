"""Lastgood: a multi-tenant backup and restore console."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from webapp.settings import Settings


def create_app(settings: Settings | None = None, *, unlock: bool = True) -> Flask:
    """Build the web application; see ``webapp.application.create_app``.

    Here so that the package itself imports nothing: the vault and its commands need no web, and
    would pay for it with a second and 50 MiB at each start.
    """
    from webapp.application import create_app as build

    return build(settings, unlock=unlock)
