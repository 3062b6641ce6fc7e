"""What the pages of the installation and of a customer share: the forms, and what they do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webapp import clock
from webapp.domain import sizes
from webapp.errors import Conflict, Invalid
from webapp.extensions import db
from webapp.formatting import moment
from webapp.forms.limits import LimitsForm, RestForm, WindowRow, rows_of, typed_rows
from webapp.models import LimitScope
from webapp.services import limits
from webapp.services.limits import Place

bp = Blueprint("limits", __name__)

_ACTS = ("edit", "pausing", "resume", "clear")


def urls_of(place: Place) -> dict[str, str]:
    """Where the forms of a place lie, and where one goes back to."""
    if place.tenant is None:
        found = {act: url_for(f"limits.{act}_installation") for act in _ACTS}
        return {**found, "back": url_for("limits.installation")}
    slug, scope = place.tenant.slug, str(place.scope)
    same: dict[str, Any] = {"tenant_slug": slug, "scope": scope, "host": place.host or None}
    found = {act: url_for(f"limits.{act}", **same) for act in _ACTS}
    return {**found, "back": url_for("limits.index", tenant_slug=slug)}


def name_of(place: Place) -> str:
    """``Acme Bakery``, ``the host db1 of Acme Bakery``, ``this installation``."""
    if place.tenant is None:
        return "this installation"
    if place.scope is not LimitScope.HOST:
        return place.tenant.name
    host = f"the host {place.host}" if place.host else "this machine"
    return f"{host}, for {place.tenant.name}"


def edit_page(place: Place) -> str:
    held = limits.read(place)
    values = held.values
    typed = {
        "most_running": "" if values.most_running is None else str(values.most_running),
        "bandwidth": sizes.exact(values.bytes_per_second) if values.bytes_per_second else "",
        "seen": values.mark,
    }
    return _form(place, typed=typed, rows=rows_of(values), problems={})


def save(place: Place) -> ResponseReturnValue:
    now = limits.read(place).values
    try:
        form = LimitsForm.parse(request.form, now=now, may_count=place.may_count)
        limits.change(place, form.values, seen=form.seen)
    except Invalid as problem:
        db.session.rollback()
        return _as_typed(place, problem.fields, status=422)
    except Conflict as problem:
        db.session.rollback()
        return _as_typed(place, {"": str(problem)}, status=409)
    flash("Saved. It holds from now on, also for what waits.", "success")
    return _back(place)


def pause_page(place: Place, problems: dict[str, str] | None = None) -> str:
    return render_template(
        "limits/pause.html",
        tenant=place.tenant,
        name=name_of(place),
        zone=_zone(place),
        urls=urls_of(place),
        form=request.form,
        problems=problems or {},
    )


def pause(place: Place) -> ResponseReturnValue:
    zone = _zone(place)
    try:
        form = RestForm.parse(request.form, zone=zone, at=clock.now())
        held = limits.pause(place, form.until, form.reason)
    except Invalid as problem:
        db.session.rollback()
        return make_response(pause_page(place, problem.fields), 422)
    end = moment(held.paused_until, zone, "%a %d %b %Y, %H:%M")
    until = f"until {end}" if held.has_end else "until somebody ends it"
    flash(f"Paused {until}. What runs now goes on; restores are not held back.", "warning")
    return _back(place)


def resume(place: Place) -> ResponseReturnValue:
    limits.resume(place)
    flash("The pause is over. What waited for it begins within seconds.", "success")
    return _back(place)


def clear(place: Place) -> ResponseReturnValue:
    limits.clear(place)
    flash("The limits are lifted.", "success")
    return _back(place)


def _as_typed(place: Place, problems: dict[str, str], *, status: int) -> Response:
    """The form once more. Who was too late sees it under the mark of what holds now."""
    typed = {name: request.form.get(name, "") for name in ("most_running", "bandwidth", "seen")}
    if status == 409:
        typed["seen"] = limits.read(place).values.mark
    rows = typed_rows(request.form)
    return make_response(_form(place, typed=typed, rows=rows, problems=problems), status)


def _form(
    place: Place, *, typed: dict[str, str], rows: list[WindowRow], problems: dict[str, str]
) -> str:
    return render_template(
        "limits/edit.html",
        tenant=place.tenant,
        name=name_of(place),
        scope=str(place.scope),
        may_count=place.may_count,
        zone=_zone(place),
        urls=urls_of(place),
        held=limits.read(place),
        typed=typed,
        rows=rows,
        problems=problems,
    )


def _zone(place: Place) -> str:
    return place.tenant.timezone if place.tenant else "UTC"


def _back(place: Place) -> Response:
    return redirect(urls_of(place)["back"], code=303)
