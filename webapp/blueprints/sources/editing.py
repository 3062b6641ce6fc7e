"""Adding a source, changing it, taking it away."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.blueprints.sources.base import KIND_NAMES, KINDS, bp
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import Invalid, NotFound
from webapp.forms.sources import SourceForm
from webapp.models import Source
from webapp.services import sources
from webapp.services.access import Access


@bp.get("/new")
@requires(Permission.MANAGE)
def new(access: Access) -> str:
    """First the choice of a kind, then that kind's form."""
    kind = request.args.get("kind", "")
    if kind not in KIND_NAMES:
        return render_template("sources/choose.html", tenant=access.tenant, kinds=KINDS)
    return _form(access, SourceForm(kind=kind), problems={})


@bp.post("/new")
@requires(Permission.MANAGE)
def add(access: Access) -> ResponseReturnValue:
    kind = request.args.get("kind", "")
    if kind not in KIND_NAMES:
        raise NotFound("There is no such kind of source.")
    try:
        form = SourceForm.parse(request.form, kind=kind)
        source = sources.add(
            access,
            kind=form.kind,
            name=form.name,
            config=dict(form.config),
            recovery_point_minutes=form.recovery_point_minutes,
        )
    except Invalid as problem:
        typed = SourceForm(kind=kind, name=request.form.get("name", ""), config=request.form)
        return _form(access, typed, problems=problem.fields), 422
    sources.check(access, source.id)
    return _to(access, source.id)


@bp.get("/<uuid:source_id>/edit")
@requires(Permission.MANAGE)
def edit(access: Access, source_id: UUID) -> str:
    source = sources.find(access, source_id)
    return _form(access, _typed(source), problems={}, source=source)


@bp.post("/<uuid:source_id>/edit")
@requires(Permission.MANAGE)
def save(access: Access, source_id: UUID) -> ResponseReturnValue:
    source = sources.find(access, source_id)
    try:
        form = SourceForm.parse(request.form, kind=source.kind)
        sources.edit(
            access,
            source_id,
            name=form.name,
            config=dict(form.config),
            recovery_point_minutes=form.recovery_point_minutes,
        )
    except Invalid as problem:
        typed = SourceForm(kind=source.kind, name=request.form["name"], config=request.form)
        return _form(access, typed, problems=problem.fields, source=source), 422
    sources.check(access, source_id)
    return _to(access, source_id)


@bp.get("/<uuid:source_id>/remove")
@requires(Permission.MANAGE)
def removal(access: Access, source_id: UUID) -> str:
    source = sources.find(access, source_id)
    return render_template(
        "sources/remove.html", tenant=access.tenant, source=source, **abilities(access)
    )


@bp.post("/<uuid:source_id>/remove")
@requires(Permission.MANAGE)
def remove(access: Access, source_id: UUID) -> ResponseReturnValue:
    source = sources.find(access, source_id)
    typed, reason = request.form.get("typed", "").strip(), request.form.get("reason", "").strip()
    if typed != source.name or not reason:
        problems = {} if typed == source.name else {"typed": "This is not its name."}
        if not reason:
            problems["reason"] = "Say why; it is kept in the audit log."
        page = render_template(
            "sources/remove.html", tenant=access.tenant, source=source, problems=problems,
            reason=reason, **abilities(access),
        )  # fmt: skip
        return page, 422
    sources.remove(access, source_id, reason)
    flash(f"{typed} is no longer protected. Its restore points stay.", "success")
    return redirect(url_for("sources.index", tenant_slug=access.tenant.slug), code=303)


def _typed(source: Source) -> SourceForm:
    return SourceForm(
        kind=source.kind,
        name=source.name,
        config=source.config,
        recovery_point_minutes=source.recovery_point_minutes,
    )


def _form(
    access: Access, form: SourceForm, *, problems: dict[str, str], source: Source | None = None
) -> str:
    return render_template(
        "sources/edit.html" if source else "sources/new.html",
        tenant=access.tenant,
        form=form,
        source=source,
        problems=problems,
        kind_name=KIND_NAMES[form.kind],
        typed_hours=request.form.get("recovery_hours", form.recovery_hours),
    )


def _to(access: Access, source_id: UUID) -> ResponseReturnValue:
    slug = access.tenant.slug
    return redirect(url_for("sources.show", tenant_slug=slug, source_id=source_id), code=303)
