"""The first steps: which restore point, what of it, and where to. Ends in a preview run."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.blueprints.restores.base import bp
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Conflict, Invalid, Refused
from webapp.extensions import db
from webapp.forms.restores import PreviewForm
from webapp.models import Run
from webapp.services import plan_lists, plans, restores, sets, sources
from webapp.services.access import Access


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> str:
    return render_template(
        "restores/index.html", tenant=access.tenant, plans=plan_lists.latest(access)
    )


@bp.get("/new")
@requires(Permission.PREVIEW)
def new(access: Access) -> ResponseReturnValue:
    set_id = request.args.get("set", type=UUID)
    if set_id is None:
        return _to_choice(access)
    return _form(access, set_id, problems={})


@bp.post("/new")
@requires(Permission.PREVIEW)
def preview(access: Access) -> ResponseReturnValue:
    set_id = request.args.get("set", type=UUID)
    if set_id is None:
        return _to_choice(access)
    try:
        form = PreviewForm.parse(request.form)
        run, is_new = plans.preview(
            access,
            set_id,
            items=form.items,
            to_source_id=form.to_source_id,
            to_path=form.to_path,
            delete=form.delete,
            at=clock.now(),
        )
    except Invalid as problem:
        return _form(access, set_id, problems=problem.fields), 422
    except (Conflict, Refused) as problem:
        db.session.rollback()
        return _form(access, set_id, problems={"": str(problem)}), 409
    return _to_run(access, run, is_new=is_new)


@bp.post("/undo/<uuid:run_id>")
@requires(Permission.PREVIEW)
def undo(access: Access, run_id: UUID) -> ResponseReturnValue:
    run, is_new = restores.undo(access, run_id, at=clock.now())
    return _to_run(access, run, is_new=is_new)


def _to_choice(access: Access) -> ResponseReturnValue:
    flash("Choose the restore point first.", "info")
    return redirect(url_for("sets.index", tenant_slug=access.tenant.slug), code=303)


def _to_run(access: Access, run: Run, *, is_new: bool) -> ResponseReturnValue:
    if not is_new:
        flash("This preview is already being made; this is it.", "info")
    return redirect(url_for("runs.show", tenant_slug=access.tenant.slug, run_id=run.id), code=303)


def _form(access: Access, set_id: UUID, *, problems: dict[str, str]) -> str:
    backup_set = sets.find(access, set_id)
    chosen = request.form.getlist("item") or request.args.getlist("item")
    items = [item.item_key for item in backup_set.items]
    return render_template(
        "restores/new.html",
        tenant=access.tenant,
        set=backup_set,
        items=[*items, *(key for key in chosen if key not in items)],
        chosen=chosen,
        others=_others(access, backup_set.source_id, kind=backup_set.source.kind),
        typed=request.form,
        problems=problems,
    )


def _others(access: Access, source_id: UUID, *, kind: str) -> list[tuple[str, str]]:
    """Other sources of the same kind, which can take it instead."""
    return [
        (f"source:{source.id}", source.name)
        for source in sources.rows(access)
        if source.id != source_id and source.kind == kind
    ]
