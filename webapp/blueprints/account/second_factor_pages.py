"""Setting up the second factor, its recovery codes, and turning it off."""

from __future__ import annotations

import segno
from flask import Blueprint, Response, flash, make_response, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import signed_in
from webapp.blueprints.web.session import address, begin, me
from webapp.errors import Invalid
from webapp.forms.sign_in import Code, Confirmation
from webapp.services import account, second_factor, sign_in


def add_to(bp: Blueprint) -> None:
    for rule, view, method in (
        ("/second-factor", set_up, "GET"),
        ("/second-factor/begin", begin_set_up, "POST"),
        ("/second-factor", confirm, "POST"),
        ("/second-factor/off", turn_off, "POST"),
        ("/recovery-codes", recovery_codes, "GET"),
        ("/recovery-codes", renew_recovery_codes, "POST"),
    ):
        bp.add_url_rule(rule, view_func=view, methods=[method])


@signed_in
def begin_set_up() -> AnyResponse:
    second_factor.begin(me())
    return see("account.set_up")


@signed_in
def set_up() -> str | AnyResponse:
    if second_factor.secret_of(me()) is None:
        return see("account.show")
    return render_template("account/second_factor.html", errors={}, **_enrolment())


@signed_in
def confirm() -> AnyResponse:
    try:
        code = Code.parse(request.form).code
        codes = second_factor.confirm(me(), code, at=clock.now())
    except Invalid as problem:
        return again("account/second_factor.html", problem, **_enrolment())
    return _show_once(codes, is_first=True)


@signed_in
def turn_off() -> AnyResponse:
    """Asks for the password: an unlocked screen must not be enough."""
    try:
        _confirm_password()
    except Invalid as problem:
        return again("account/second_factor_off.html", problem, what="turn_off")
    account.turn_off_second_factor(me())
    begin(me())
    flash("Your second factor is off.", "warning")
    return see("account.show")


@signed_in
def recovery_codes() -> str:
    what = "turn_off" if request.args.get("what") == "off" else "renew_recovery_codes"
    return render_template("account/second_factor_off.html", errors={}, what=what)


@signed_in
def renew_recovery_codes() -> AnyResponse:
    try:
        _confirm_password()
    except Invalid as problem:
        return again("account/second_factor_off.html", problem, what="renew_recovery_codes")
    return _show_once(second_factor.renew_recovery_codes(me()), is_first=False)


def _confirm_password() -> None:
    present = Confirmation.parse(request.form).current_password
    sign_in.confirm_password(me(), present, address=address(), at=clock.now())


def _show_once(codes: list[str], *, is_first: bool) -> Response:
    """In the answer to the POST itself: no address shows them a second time."""
    page = render_template("account/recovery_codes.html", codes=codes, is_first=is_first)
    return make_response(page)


def _enrolment() -> dict[str, object]:
    secret = second_factor.secret_of(me()) or ""
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return {"key": groups, "qr": _drawing(second_factor.address_of(me())), "user": me()}


def _drawing(text: str) -> Markup:
    """A QR code as plain SVG: classes from our style sheet, no style of its own."""
    svg = segno.make(text, error="m").svg_inline(
        scale=5,
        border=4,
        dark="#000",
        light="#fff",
        svgclass="lg-qr",
        lineclass=None,
        omitsize=False,
    )
    return Markup(svg)  # noqa: S704 - made by the library from our own text
