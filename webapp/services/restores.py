"""Live restores: asking, approving, applying, undoing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunType
from webapp.errors import Invalid, Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import RestorePlan, RestoreRun, Run
from webapp.services import audit, plans, runs, targets
from webapp.services import undo as undoing
from webapp.services.access import Access

LIVE_RESTORE = "live_restore"


def request(
    access: Access, plan_id: UUID, *, reason: str, at: datetime | None = None
) -> RestorePlan:
    """Ask for a live restore of a ready plan, and commit.

    Raises:
        Invalid: no reason is given.
        Refused: the plan is stale, expired or used; ``nobody_named``.
    """
    access.require(Permission.REQUEST)
    _require_named(access)
    plan = _open_plan(access, plan_id, at or clock.now())
    _ask(access, plan, _cleaned_reason(reason), at=at or clock.now())
    db.session.commit()
    return plan


def approve(
    access: Access, plan_id: UUID, *, reason: str, at: datetime | None = None
) -> RestorePlan:
    """Approve what somebody asked for, naming the plan's digest; commits.

    Raises:
        Invalid: no reason is given.
        Refused: ``own_request``, where two people are demanded; or the plan is stale, …
    """
    access.require(Permission.APPROVE)
    _require_named(access)
    plan = _open_plan(access, plan_id, at or clock.now())
    reason = _cleaned_reason(reason)
    if needs_two_people(access) and is_own_request(access.actor, plan):
        raise Refused("own_request", "Somebody else must approve what you asked for.")
    _approve(access, plan, reason, at=at or clock.now())
    db.session.commit()
    return plan


def reject(access: Access, plan_id: UUID, *, reason: str) -> RestorePlan:
    """Turn down what somebody asked for, and commit.

    Raises:
        Invalid: no reason is given.
        Conflict: nobody asked.
    """
    access.require(Permission.APPROVE)
    plan = plans.find(access, plan_id)
    reason = _cleaned_reason(reason)
    plan.move_to(PlanState.REJECTED)
    plan.rejected_by = access.actor.label
    _audit(access, plan, "restore.rejected", reason=reason)
    db.session.commit()
    return plan


def apply(
    access: Access,
    plan_id: UUID,
    *,
    reviewed: bool,
    reason: str,
    confirm: str,
    at: datetime | None = None,
) -> tuple[Run, bool]:
    """Start the live restore of a plan; commits, rings. A second identical start gets that run.

    Where two people are demanded, somebody else must have approved. Where not, this is request
    and approval in one act, and the audit log says so.

    Args:
        confirm: the tenant's slug, as typed.

    Raises:
        Invalid: not reviewed, or no reason given.
        Refused: ``wrong_confirmation``, ``not_approved``, ``plan_stale``, ``plan_expired``, …
    """
    access.require(Permission.APPROVE)
    reason = _confirmed(access, reviewed=reviewed, reason=reason, confirm=confirm)
    plan = plans.find(access, plan_id)
    db.session.refresh(plan, with_for_update=True)
    under_way = _run_of(plan)
    if under_way is not None:
        return under_way, False
    now = at or clock.now()
    plan = _open_plan(access, plan_id, now)
    _require_same_settings(access, plan)
    _settle(access, plan, reason, at=now)
    return _start(access, plan, reason)


def _require_named(access: Access) -> None:
    """A command line that does not say for whom it acts may be anybody's, the requester's too."""
    if needs_two_people(access) and access.actor.user_id is None:
        raise Refused(
            "nobody_named",
            f"{access.tenant.name} demands two people for this, so say who you are: --as EMAIL.",
        )


def needs_two_people(access: Access) -> bool:
    """Say whether this tenant lets nobody do a live restore alone."""
    return LIVE_RESTORE in access.tenant.needs_two_people


def is_own_request(actor: Actor, plan: RestorePlan) -> bool:
    """Say whether *actor* is who asked for this restore."""
    if actor.user_id is not None:
        return plan.requested_by_id == actor.user_id
    return plan.requested_by == actor.label


def undo_of(access: Access, run_id: UUID) -> RestorePlan | None:
    """The newest plan that would undo this restore, if one was made."""
    query = (
        select(RestorePlan)
        .where(RestorePlan.tenant_id == access.tenant.id, RestorePlan.undo_of_run_id == run_id)
        .order_by(RestorePlan.created_at.desc())
        .limit(1)
    )
    return db.session.scalar(query)


def undo(access: Access, run_id: UUID, *, at: datetime | None = None) -> tuple[Run, bool]:
    """Queue the preview of undoing a restore; see ``undo.start``."""
    return undoing.start(access, run_id, at=at)


def safety_set_of(access: Access, run_id: UUID) -> UUID | None:
    """The id of the set that a restore run captured before it wrote; None if it has none."""
    return db.session.scalar(
        select(RestoreRun.safety_set_id).where(
            RestoreRun.tenant_id == access.tenant.id, RestoreRun.run_id == run_id
        )
    )


def _open_plan(access: Access, plan_id: UUID, at: datetime) -> RestorePlan:
    plan = plans.find(access, plan_id)
    refusal = plans.reject_reason(plan, at=at)
    if refusal is not None:
        raise refusal
    return plan


def _cleaned_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid({"reason": "A reason is needed; it is kept in the audit log."})
    return reason


def _confirmed(access: Access, *, reviewed: bool, reason: str, confirm: str) -> str:
    problems = {} if reviewed else {"reviewed": "Look through the plan, then tick this."}
    if not reason.strip():
        problems["reason"] = "A reason is needed; it is kept in the audit log."
    if problems:
        raise Invalid(problems)
    if confirm.strip() != access.tenant.slug:
        raise Refused("wrong_confirmation", f"Type {access.tenant.slug} to confirm.")
    return reason.strip()


def _require_same_settings(access: Access, plan: RestorePlan) -> None:
    """A target that was set up otherwise since is another target: nothing of the plan holds."""
    if targets.of_plan(access, plan).fingerprint == plan.source_fingerprint:
        return
    plan.stale_reason = "The target's settings have changed since the preview."
    plan.move_to(PlanState.STALE)
    _audit(access, plan, "restore.plan_stale")
    db.session.commit()
    raise Refused("plan_stale", f"{plan.stale_reason} Make a new preview.")


def _settle(access: Access, plan: RestorePlan, reason: str, *, at: datetime) -> None:
    """Bring the plan to *executing*, by the acts that are still missing and allowed here."""
    if plan.state is not PlanState.APPROVED:
        if needs_two_people(access):
            raise Refused("not_approved", "Somebody else must approve this restore first.")
        if plan.state is PlanState.READY:
            _ask(access, plan, reason, at=at, in_one_act=True)
        _approve(access, plan, reason, at=at, in_one_act=True)
    elif needs_two_people(access) and _was_alone(plan):
        raise Refused("not_approved", "Somebody else must approve this restore: make a new plan.")
    plan.move_to(PlanState.EXECUTING)


def _was_alone(plan: RestorePlan) -> bool:
    """Say whether one person asked and approved, before two were demanded."""
    if plan.approved_by_id is not None:
        return plan.approved_by_id == plan.requested_by_id
    return plan.approved_by == plan.requested_by


def _start(access: Access, plan: RestorePlan, reason: str) -> tuple[Run, bool]:
    plan_id, set_id = plan.id, plan.backup_set_id

    def also(run: Run) -> None:
        db.session.add(
            RestoreRun(
                tenant_id=run.tenant_id,
                run_id=run.id,
                backup_set_id=set_id,
                plan_id=plan_id,
                is_dry_run=False,
                requested_items=plan.scope,
            )
        )

    return runs.request(
        access,
        RunType.RESTORE,
        "apply",
        key=f"apply:{plan_id}",
        source_id=plan.target_source_id,
        reason=reason,
        metadata={"plan_id": str(plan_id), "digest": plan.digest},
        also=also,
    )


def _run_of(plan: RestorePlan) -> Run | None:
    """The run that is carrying out this plan now."""
    if plan.state is not PlanState.EXECUTING:
        return None
    return db.session.scalar(
        select(Run)
        .join(RestoreRun, RestoreRun.run_id == Run.id)
        .where(RestoreRun.plan_id == plan.id, ~RestoreRun.is_dry_run)
    )


def _ask(
    access: Access, plan: RestorePlan, reason: str, *, at: datetime, in_one_act: bool = False
) -> None:
    plan.move_to(PlanState.REQUESTED)
    plan.requested_by, plan.requested_by_id = access.actor.label, access.actor.user_id
    plan.requested_at, plan.reason = at, reason
    _audit(access, plan, "restore.requested", reason=reason, in_one_act=in_one_act)


def _approve(
    access: Access, plan: RestorePlan, reason: str, *, at: datetime, in_one_act: bool = False
) -> None:
    plan.move_to(PlanState.APPROVED)
    plan.approved_by, plan.approved_by_id = access.actor.label, access.actor.user_id
    plan.approved_at, plan.approved_digest = at, plan.digest
    _audit(access, plan, "restore.approved", reason=reason, in_one_act=in_one_act)


def _audit(
    access: Access, plan: RestorePlan, act: str, *, reason: str = "", in_one_act: bool = False
) -> None:
    details: Json = {"digest": plan.digest, "counts": plan.counts}
    if in_one_act:
        details = {**details, "in_one_act": True}
    audit.record(
        access.actor,
        act,
        tenant=access.tenant,
        resource=f"plan:{plan.id}",
        reason=reason,
        details=details,
    )
