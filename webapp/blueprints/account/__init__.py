"""One's own account: name, password, sessions. The second factor has a module of its own."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp import clock
from webapp.blueprints.account import second_factor_pages
from webapp.blueprints.web.answers import again, see
from webapp.blueprints.web.gate import signed_in
from webapp.blueprints.web.session import address, begin, me
from webapp.errors import Invalid
from webapp.forms.fields import Fields
from webapp.forms.sign_in import Confirmation, NewPassword
from webapp.services import account, second_factor, sign_in

bp = Blueprint("account", __name__, url_prefix="/account")
second_factor_pages.add_to(bp)


@bp.get("")
@signed_in
def show() -> str:
    return render_template("account/show.html", errors={}, form={}, **_facts())


@bp.post("/name")
@signed_in
def rename() -> AnyResponse:
    fields = Fields(request.form)
    name = fields.text("name", longest=100)
    try:
        fields.finish()
    except Invalid as problem:
        return again("account/show.html", problem, **_facts())
    account.rename(me(), name)
    flash("Your name is saved.", "success")
    return see("account.show")


@bp.post("/password")
@signed_in
def change_password() -> AnyResponse:
    try:
        present = Confirmation.parse(request.form).current_password
        wanted = NewPassword.parse(request.form, field="new_password")
        sign_in.confirm_password(me(), present, address=address(), at=clock.now())
        account.change_password(me(), wanted.password)
    except Invalid as problem:
        return again("account/show.html", problem, **_facts())
    begin(me())
    flash("Your password is changed, and your other sessions are ended.", "success")
    return see("account.show")


@bp.post("/sessions/end")
@signed_in
def end_other_sessions() -> AnyResponse:
    account.end_other_sessions(me())
    begin(me())
    flash("You are signed out everywhere but here.", "success")
    return see("account.show")


def _facts() -> dict[str, object]:
    user = me()
    return {
        "user": user,
        "has_second_factor": second_factor.is_on(user),
        "codes_left": len(user.recovery_codes),
        "memberships": sorted(user.memberships, key=lambda m: m.tenant.name),
    }
