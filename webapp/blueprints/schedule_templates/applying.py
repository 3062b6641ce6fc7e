"""Applying a template: choose sources, look at what would change, then do it as one act."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from webapp.blueprints.schedule_templates.base import TEMPLATE, bp
from webapp.blueprints.schedules.form_page import LABELS
from webapp.blueprints.web.answers import see
from webapp.blueprints.web.gate import actor, msp_admin
from webapp.errors import Conflict, Invalid
from webapp.forms.template_targets import TargetsForm
from webapp.services import schedule_templates as templates
from webapp.services import template_previews as previews
from webapp.services import template_targets as targets
from webapp.services import template_work

_MOST_ROWS = 300
_SINGLES = 500  # with more sources than these, whole tenants are chosen


@bp.get(f"{TEMPLATE}/apply")
@msp_admin
def choose(template_id: UUID) -> str:
    return _choice(template_id, problem="")


@bp.post(f"{TEMPLATE}/preview")
@msp_admin
def preview(template_id: UUID) -> ResponseReturnValue:
    """Looks only; the answer to the POST itself, for an address could not hold the choice."""
    source_ids = _wanted()
    if not source_ids:
        return _choice(template_id, problem="Choose at least one source."), 422
    return _preview_page(template_id, source_ids)


@bp.post(f"{TEMPLATE}/apply")
@msp_admin
def apply(template_id: UUID) -> ResponseReturnValue:
    source_ids, form = _wanted(), request.form
    try:
        started = template_work.apply(
            actor(), template_id, source_ids,
            digest=form.get("digest", ""), reason=form.get("reason", ""),
        )  # fmt: skip
    except Invalid as problem:
        return _preview_page(template_id, source_ids, problems=problem.fields), 422
    except Conflict as problem:
        return _preview_page(template_id, source_ids, refusal=str(problem)), 409
    count = f"{len(started)} tenants" if len(started) > 1 else "one tenant"
    flash(f"It is being applied in {count}; the runs below say how far it is.", "success")
    return see("schedule_templates.show", template_id=template_id)


def _wanted() -> list[UUID]:
    form = TargetsForm.parse(request.form)
    return targets.resolve(actor(), slugs=form.tenants, source_ids=form.sources, kind=form.kind)


def _choice(template_id: UUID, *, problem: str) -> str:
    who = actor()
    groups = targets.groups(who)
    total = sum(len(group.sources) for group in groups)
    return render_template(
        "schedule_templates/choose.html",
        template=templates.find(who, template_id),
        groups=groups,
        total=total,
        shows_singles=total <= _SINGLES,
        kinds=targets.KINDS,
        problem=problem,
        ticked=TargetsForm.parse(request.form),
    )


def _preview_page(
    template_id: UUID,
    source_ids: list[UUID],
    *,
    problems: Mapping[str, str] | None = None,
    refusal: str = "",
) -> str:
    who = actor()
    seen = previews.of(who, templates.find(who, template_id), source_ids)
    return render_template(
        "schedule_templates/preview.html",
        template=seen.template,
        preview=seen,
        shown=sorted(seen.planned, key=_first_what_needs_a_look)[:_MOST_ROWS],
        ticked=TargetsForm.parse(request.form),
        labels=LABELS,
        problems=problems or {},
        refusal=refusal,
        reason=request.form.get("reason", ""),
    )


def _first_what_needs_a_look(one: previews.Planned) -> int:
    order = ("blocked", "update", "create", "unchanged")
    return order.index(str(one.outcome))
