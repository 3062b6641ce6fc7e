"""The decorators that decide who may call a view. Each leaves a mark that a test can see."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g
from flask_login import current_user, login_required

from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden
from webapp.services import access

View = Callable[..., Any]


def actor() -> Actor:
    """The signed-in person, as use cases know them."""
    return access.actor_of(current_user)


def requires(permission: Permission) -> Callable[[View], View]:
    """Give the view its ``access`` in place of ``tenant_slug``, if the person may do this there.

    The mark that it leaves on the view is read by a test: a route without one does not pass.

    Raises:
        Forbidden: the person is not in that tenant (whether or not it exists), or has too small
            a role.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def gated(tenant_slug: str, **arguments: object) -> object:
            g.access = access.enter(actor(), tenant_slug, permission)  # the layout's, too
            return view(access=g.access, **arguments)

        gated.permission = permission  # type: ignore[attr-defined]
        return gated

    return decorate


def signed_in(view: View) -> View:
    """For pages over all of one's tenants, and one's own account."""

    @wraps(view)
    @login_required
    def gated(**arguments: object) -> object:
        return view(**arguments)

    gated.permission = "signed_in"  # type: ignore[attr-defined]
    return gated


def msp_admin(view: View) -> View:
    """For pages over the whole installation."""

    @wraps(view)
    @login_required
    def gated(**arguments: object) -> object:
        if not current_user.is_msp_admin:
            raise Forbidden
        return view(**arguments)

    gated.permission = "msp_admin"  # type: ignore[attr-defined]
    return gated


def open_to_all(view: View) -> View:
    """For the few views that nobody needs to sign in for."""
    view.permission = "open"  # type: ignore[attr-defined]
    return view
