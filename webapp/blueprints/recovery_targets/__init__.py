"""Recovery targets of a tenant and its sources: looked at and set by managers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Conflict, Invalid
from webapp.forms.recovery import TargetsForm, field_of, hours_of
from webapp.services import recovery_targets
from webapp.services.access import Access
from webapp.services.recovery_targets import PAGE, Change

bp = Blueprint("recovery_targets", __name__, url_prefix="/t/<string:tenant_slug>/targets")

_FARTHEST = 1_000_000


@bp.get("")
@requires(Permission.MANAGE)
def show(access: Access) -> str:
    return _page(access, typed={}, problems={})


@bp.post("")
@requires(Permission.MANAGE)
def save(access: Access) -> ResponseReturnValue:
    try:
        changed = _save(access, TargetsForm.parse(request.form))
    except Invalid as problem:
        return _page(access, typed=request.form, problems=problem.fields), 422
    except Conflict as problem:
        flash(str(problem), "warning")
    else:
        flash("Saved." if changed else "Nothing was changed.", "success" if changed else "info")
    slug = access.tenant.slug
    return see("recovery_targets.show", tenant_slug=slug, offset=_offset() or None)


def _save(access: Access, form: TargetsForm) -> int:
    tenant = Change(was=form.tenant[0], now=form.tenant[1]) if form.tenant else None
    sources = {key: Change(was=was, now=now) for key, (was, now) in form.sources.items()}
    return recovery_targets.save(access, tenant=tenant, sources=sources)


def _page(access: Access, *, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    offset = _offset()
    rows = recovery_targets.rows(access, offset=offset, limit=PAGE + 1)
    place: dict[str, Any] = {"tenant_slug": access.tenant.slug}
    older = offset + PAGE if len(rows) > PAGE else 0
    return render_template(
        "recovery_targets/show.html",
        tenant=access.tenant,
        rows=rows[:PAGE],
        typed=typed,
        problems=problems,
        field_of=field_of,
        hours_of=hours_of,
        offset=offset,
        newer=url_for(".show", offset=max(offset - PAGE, 0) or None, **place) if offset else "",
        older=url_for(".show", offset=older, **place) if older else "",
    )


def _offset() -> int:
    return min(max(request.args.get("offset", 0, type=int), 0), _FARTHEST)
