"""Every account of the installation, for MSP admins."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import actor, msp_admin
from webapp.blueprints.web.links import link_address
from webapp.errors import Conflict, Invalid
from webapp.forms.people import AccountForm
from webapp.services import users


def add_to(bp: Blueprint) -> None:
    bp.add_url_rule("/people", view_func=installation, methods=["GET"])
    bp.add_url_rule("/people", view_func=add_account, methods=["POST"])
    for name, view in (
        ("make-admin", make_admin),
        ("unmake-admin", unmake_admin),
        ("disable", disable),
        ("enable", enable),
        ("reset-second-factor", reset_second_factor),
        ("link", make_account_link),
    ):
        bp.add_url_rule(f"/people/<uuid:user_id>/{name}", view_func=view, methods=["POST"])


@msp_admin
def installation() -> str:
    return render_template("people/installation.html", errors={}, form={}, **_facts())


@msp_admin
def add_account() -> str | AnyResponse:
    try:
        typed = AccountForm.parse(request.form)
        user = users.add(
            actor(), typed.email, name=typed.name, is_msp_admin=typed.is_msp_admin, at=clock.now()
        )
    except Conflict as problem:
        return again("people/installation.html", Invalid({"email": str(problem)}), **_facts())
    except Invalid as problem:
        return again("people/installation.html", problem, **_facts())
    return _show_link(user.id)


@msp_admin
def make_admin(user_id: UUID) -> AnyResponse:
    user = users.set_admin(actor(), user_id, is_msp_admin=True)
    return _done(f"{user.email} may now do everything, in every tenant.")


@msp_admin
def unmake_admin(user_id: UUID) -> AnyResponse:
    user = users.set_admin(actor(), user_id, is_msp_admin=False)
    return _done(f"{user.email} is no MSP admin any more.")


@msp_admin
def disable(user_id: UUID) -> AnyResponse:
    user = users.disable(actor(), user_id)
    return _done(f"{user.email} is locked out, and all their sessions are ended.")


@msp_admin
def enable(user_id: UUID) -> AnyResponse:
    user = users.enable(actor(), user_id)
    return _done(f"{user.email} may sign in again.")


@msp_admin
def reset_second_factor(user_id: UUID) -> AnyResponse:
    user = users.reset_second_factor(actor(), user_id)
    return _done(f"{user.email} signs in with the password alone until they set up a new one.")


@msp_admin
def make_account_link(user_id: UUID) -> str:
    return _show_link(user_id)


def _show_link(user_id: UUID) -> str:
    """In the answer to the POST itself: no address shows it a second time."""
    purpose, secret = users.make_link(actor(), user_id, at=clock.now())
    email = users.find(actor(), user_id).email
    return render_template(
        "people/link.html", tenant=None, email=email, purpose=purpose,
        address=link_address(secret),
    )  # fmt: skip


def _done(message: str) -> AnyResponse:
    flash(message, "success")
    return see("people.installation")


def _facts() -> dict[str, object]:
    return {"users": users.rows(actor()), "own_id": actor().user_id}
