"""Each person's own channels, and what the bell tells them."""

from __future__ import annotations

from uuid import UUID

from flask import flash, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp.blueprints.channels import base
from webapp.blueprints.channels.base import bp
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import actor, signed_in
from webapp.forms.channels import BellForm
from webapp.services import access as gate
from webapp.services.notify import channels
from webapp.services.notify.channels import Owner

_PLACE = "/account/channels"
_ONE = f"{_PLACE}/<uuid:channel_id>"


@bp.get(_PLACE)
@signed_in
def own() -> str:
    return render_template("channels/own.html", errors={}, form={}, **_facts())


@bp.post(_PLACE)
@signed_in
def own_add() -> AnyResponse:
    problem = base.add(_me(), "channels/own.html", _facts())
    return problem or see("channels.own")


@bp.post("/account/bell")
@signed_in
def bell() -> AnyResponse:
    channels.set_bell_rules(actor(), BellForm.parse(request.form).rules)
    flash("Saved.", "success")
    return see("channels.own")


@bp.get(_ONE)
@signed_in
def own_show(channel_id: UUID) -> str:
    facts = base.facts(_me(), channels.find(_me(), channel_id))
    return render_template("channels/edit.html", errors={}, form={}, **facts)


@bp.post(_ONE)
@signed_in
def own_save(channel_id: UUID) -> AnyResponse:
    facts = base.facts(_me(), channels.find(_me(), channel_id))
    problem = base.save(_me(), channel_id, facts)
    return problem or see("channels.own_show", channel_id=channel_id)


@bp.post(f"{_ONE}/test")
@signed_in
def own_test(channel_id: UUID) -> AnyResponse:
    base.send_test(_me(), channel_id)
    return see("channels.own_show", channel_id=channel_id)


@bp.post(f"{_ONE}/remove")
@signed_in
def own_remove(channel_id: UUID) -> AnyResponse:
    name = channels.remove(_me(), channel_id)
    flash(f"{name} is removed; what waited to be sent to it is dropped.", "success")
    return see("channels.own")


def _me() -> Owner:
    return Owner.person(actor())


def _facts() -> dict[str, object]:
    who = actor()
    tenants = gate.tenants_of(who)
    return {
        "wants": channels.bell_wishes(who),
        "usual_zone": tenants[0].timezone if tenants else "UTC",
        **base.list_facts(_me()),
    }
