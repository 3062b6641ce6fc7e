"""Signing in and out, and the links that set a password."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, session
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.sign_in import second_step
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import open_to_all, signed_in
from webapp.blueprints.web.session import address, begin, end, me, own_path
from webapp.errors import Invalid, Throttled
from webapp.forms.sign_in import Code, NewPassword, SignIn
from webapp.models import User
from webapp.services import links, second_factor, sign_in

bp = Blueprint("sign_in", __name__)


@bp.get("/sign-in")
@open_to_all
def show() -> str | AnyResponse:
    target = own_path(request.args.get("next"))
    if current_user.is_authenticated:
        return _to(target)
    return render_template("sign_in/show.html", target=target, errors={}, form={})


@bp.post("/sign-in")
@open_to_all
def enter() -> str | AnyResponse:
    target = own_path(request.form.get("next"))
    try:
        typed = SignIn.parse(request.form)
        user = sign_in.check_password(
            typed.email, typed.password, address=address(), at=clock.now()
        )
    except Invalid as problem:
        return again("sign_in/show.html", problem, target=target)
    except Throttled as problem:
        return _too_many("sign_in/show.html", problem, target=target)
    if second_factor.is_on(user):
        second_step.begin(user, target)
        return see("sign_in.code")
    return _let_in(user, target)


@bp.get("/sign-in/code")
@open_to_all
def code() -> str | AnyResponse:
    if second_step.under_way() is None:
        return see("sign_in.show")
    return render_template("sign_in/code.html", errors={})


@bp.post("/sign-in/code")
@open_to_all
def check_code() -> str | AnyResponse:
    step = second_step.under_way()
    if step is None:
        flash("That took too long. Please sign in again.", "warning")
        return see("sign_in.show")
    try:
        typed = Code.parse(request.form)
        sign_in.check_code(step.user, typed.code, address=address(), at=clock.now())
    except Invalid as problem:
        return again("sign_in/code.html", problem)
    except Throttled as problem:
        return _too_many("sign_in/code.html", problem)
    return _let_in(step.user, own_path(step.target))


@bp.get("/sign-in/forgotten")
@open_to_all
def forgotten() -> str:
    return render_template("sign_in/forgotten.html")


@bp.get("/link/<secret>")
@open_to_all
def link(secret: str) -> str:
    found = links.find(secret, at=clock.now())
    return render_template("sign_in/link.html", link=found, errors={}, form={})


@bp.post("/link/<secret>")
@open_to_all
def use_link(secret: str) -> AnyResponse:
    found = links.find(secret, at=clock.now())
    try:
        typed = NewPassword.parse(request.form)
        links.use(secret, password=typed.password, name=typed.name, at=clock.now())
    except Invalid as problem:
        return again("sign_in/link.html", problem, link=links.find(secret, at=clock.now()))
    session.clear()
    flash(f"The password is set. Sign in as {found.user.email}.", "success")
    return see("sign_in.show")


@bp.post("/sign-out")
@signed_in
def out() -> AnyResponse:
    sign_in.sign_out(me())
    end()
    flash("You are signed out.", "success")
    return see("sign_in.show")


def _let_in(user: User, target: str) -> AnyResponse:
    sign_in.complete(user, address=address(), at=clock.now())
    begin(user)
    return _to(target)


def _to(target: str) -> AnyResponse:
    return Response(status=303, headers={"Location": target})


def _too_many(page: str, problem: Throttled, **context: object) -> Response:
    html = render_template(page, errors={"": str(problem)}, form=request.form, **context)
    response = make_response(html, 429)
    response.headers["Retry-After"] = str(problem.wait_seconds)
    return response
