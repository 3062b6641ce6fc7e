"""Asking for a live restore, approving it, rejecting it, starting it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import clock
from webapp.blueprints.restores.base import bp
from webapp.blueprints.restores.plan_page import context
from webapp.blueprints.web.gate import requires
from webapp.domain.permissions import Permission
from webapp.errors import AppError, Conflict, Invalid, Refused
from webapp.extensions import db
from webapp.forms.restores import ConfirmForm
from webapp.services import plans, restores
from webapp.services.access import Access


@bp.post("/<uuid:plan_id>/request")
@requires(Permission.REQUEST)
def ask(access: Access, plan_id: UUID) -> ResponseReturnValue:
    form = ConfirmForm.parse(request.form)
    return _decide(
        access,
        plan_id,
        lambda: restores.request(access, plan_id, reason=form.reason),
        done="Asked for. Somebody who may approve it finds it under Restores.",
    )


@bp.post("/<uuid:plan_id>/approve")
@requires(Permission.APPROVE)
def approve(access: Access, plan_id: UUID) -> ResponseReturnValue:
    form = ConfirmForm.parse(request.form)
    return _decide(
        access,
        plan_id,
        lambda: restores.approve(access, plan_id, reason=form.reason),
        done="Approved. It can be started now.",
    )


@bp.post("/<uuid:plan_id>/reject")
@requires(Permission.APPROVE)
def reject(access: Access, plan_id: UUID) -> ResponseReturnValue:
    form = ConfirmForm.parse(request.form)
    return _decide(
        access,
        plan_id,
        lambda: restores.reject(access, plan_id, reason=form.reason),
        done="Rejected. Nothing was written.",
    )


@bp.post("/<uuid:plan_id>/apply")
@requires(Permission.APPROVE)
def apply(access: Access, plan_id: UUID) -> ResponseReturnValue:
    form = ConfirmForm.parse(request.form)
    try:
        run, _ = restores.apply(
            access,
            plan_id,
            reviewed=form.reviewed,
            reason=form.reason,
            confirm=form.confirm,
            at=clock.now(),
        )
    except (Invalid, Conflict, Refused) as problem:
        return _again(access, plan_id, problem)
    return redirect(url_for("runs.show", tenant_slug=access.tenant.slug, run_id=run.id), code=303)


def _decide(
    access: Access, plan_id: UUID, act: Callable[[], object], *, done: str
) -> ResponseReturnValue:
    try:
        act()
    except (Invalid, Conflict, Refused) as problem:
        return _again(access, plan_id, problem)
    flash(done, "success")
    slug = access.tenant.slug
    return redirect(url_for("restores.plan", tenant_slug=slug, plan_id=plan_id), code=303)


def _again(access: Access, plan_id: UUID, problem: AppError) -> ResponseReturnValue:
    """The plan's page once more, with what stood in the way and what had been typed."""
    db.session.rollback()
    page = render_template(
        "restores/plan.html",
        **context(access, plans.find(access, plan_id), {}),
        problems=problem.fields if isinstance(problem, Invalid) else {},
        refusal="" if isinstance(problem, Invalid) else str(problem),
        typed=request.form,
    )
    return page, 422 if isinstance(problem, Invalid) else 409
