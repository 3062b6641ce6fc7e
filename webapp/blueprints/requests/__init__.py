"""Requests: what waits for a second person, and what became of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.blueprints.requests.places import Place
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import actor, requires, signed_in
from webapp.domain.permissions import Permission
from webapp.errors import Conflict, Invalid, Refused, Waiting
from webapp.extensions import db
from webapp.models import ActRequest
from webapp.services import plan_lists
from webapp.services.access import Access
from webapp.services.second_person import deciding, looking
from webapp.services.second_person.looking import Row

bp = Blueprint("requests", __name__)

OF_TENANT = "/t/<string:tenant_slug>/requests"
REQUEST = f"{OF_TENANT}/<uuid:request_id>"

PAGE = 50


@bp.get("/requests")
@signed_in
def all() -> str:
    """What waits in all tenants that the person manages."""
    return render_template("requests/all.html", rows=looking.everywhere(actor()))


@bp.get(OF_TENANT)
@requires(Permission.MANAGE)
def index(access: Access) -> str:
    ended = looking.ended(access, before=_moment(request.args.get("before", "")), limit=PAGE)
    return render_template(
        "requests/index.html",
        tenant=access.tenant,
        waiting=looking.waiting(access),
        restores=plan_lists.requested(access),
        ended=ended,
        older=_older(access, ended),
    )


@bp.get(REQUEST)
@requires(Permission.MANAGE)
def show(access: Access, request_id: UUID) -> str:
    return _page(access, request_id)


@bp.post(f"{REQUEST}/approve")
@requires(Permission.MANAGE)
def approve(access: Access, request_id: UUID) -> ResponseReturnValue:
    digest, reason = request.form.get("digest", ""), request.form.get("reason", "")
    return _decide(
        access,
        request_id,
        lambda: deciding.approve(access, request_id, digest=digest, reason=reason),
    )


@bp.post(f"{REQUEST}/reject")
@requires(Permission.MANAGE)
def reject(access: Access, request_id: UUID) -> ResponseReturnValue:
    reason = request.form.get("reason", "")
    return _decide(access, request_id, lambda: deciding.reject(access, request_id, reason=reason))


@bp.post(f"{REQUEST}/withdraw")
@requires(Permission.MANAGE)
def withdraw(access: Access, request_id: UUID) -> ResponseReturnValue:
    return _decide(access, request_id, lambda: deciding.withdraw(access, request_id))


_DONE = {
    "approved": "Approved. Whoever asked can take it now, once, within 24 hours.",
    "done": "Approved, and done.",
    "rejected": "Rejected. Nothing was changed.",
    "withdrawn": "Taken back. Nothing was changed.",
}


def _decide(access: Access, request_id: UUID, act: Callable[[], ActRequest]) -> ResponseReturnValue:
    try:
        decided = act()
    except Waiting:
        raise
    except (Conflict, Refused) as problem:
        return _again(access, request_id, refusal=str(problem)), 409
    except Invalid as problem:
        said = problem.fields.get("reason", "") or str(problem)
        return _again(access, request_id, problems={"reason": said}), 422
    flash(_DONE[decided.state], "success")
    return see("requests.show", tenant_slug=access.tenant.slug, request_id=request_id)


def _again(
    access: Access,
    request_id: UUID,
    *,
    refusal: str = "",
    problems: Mapping[str, str] | None = None,
) -> str:
    db.session.rollback()
    return _page(access, request_id, refusal=refusal, problems=problems)


def _page(
    access: Access,
    request_id: UUID,
    *,
    refusal: str = "",
    problems: Mapping[str, str] | None = None,
) -> str:
    row = looking.find(access, request_id)
    others = looking.others(access, row.request) if row.is_open else []
    return render_template(
        "requests/show.html",
        tenant=access.tenant,
        row=row,
        others=others,
        place=Place.of(access, row.request),
        refusal=refusal,
        problems=problems or {},
        reason=request.form.get("reason", ""),
    )


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _older(access: Access, ended: list[Row]) -> str:
    """The address of the next part of what is over, if there may be one."""
    if len(ended) < PAGE:
        return ""
    before = ended[-1].request.requested_at.isoformat()
    return url_for("requests.index", tenant_slug=access.tenant.slug, before=before)
