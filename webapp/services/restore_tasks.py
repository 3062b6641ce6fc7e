"""What a restore run needs to know, looked at once more before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.connectors.base import Action
from webapp.domain.permissions import Permission
from webapp.domain.plans import PlanState
from webapp.errors import Conflict, Refused
from webapp.extensions import db
from webapp.models import BackupSet, Run, RunItem, Source, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import plan_digests, plans, targets
from webapp.services.claims import Claim
from webapp.services.targets import Target


@dataclass(frozen=True, kw_only=True)
class Task:
    """Read once: no transaction is open while the work goes on."""

    plan_id: UUID
    digest: str
    snapshot_id: str
    target: Target
    source_name: str
    target_fingerprint: str
    has_begun: bool  # an earlier worker of this run may have written already
    total: int
    unchanged: int


def preflight(claim: Claim) -> Task:
    """Look once more whether this may be done, and whether the plan is what was approved."""
    run = db.session.get_one(Run, claim.run_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    if tenant.status is not TenantStatus.ACTIVE:
        raise Conflict(f"{tenant.name} is {tenant.status}; nothing is restored.")
    access = gate.again(run.user_id, tenant, Permission.APPROVE)
    plan = plans.find(access, UUID(run.metadata_["plan_id"]))
    if plan.state is not PlanState.EXECUTING or not plan.approved_digest:
        raise Refused("not_approved", f"The plan is {plan.state}, not approved and executing.")
    if plan_digests.recomputed(plan) != plan.approved_digest:
        raise Refused("plan_altered", "The plan is not the one that was approved.")
    target = targets.of_plan(access, plan)
    if target.fingerprint != plan.source_fingerprint:
        raise Refused("plan_stale", "The target's settings have changed since the preview.")
    has_begun = db.session.scalar(select(RunItem.id).where(RunItem.run_id == run.id).limit(1))
    if plan.expires_at is not None and plan.expires_at <= clock.now() and not has_begun:
        raise Refused("plan_expired", "The plan expired before its restore could begin.")
    unchanged = plan.counts.get(Action.UNCHANGED.value, 0)
    task = Task(
        plan_id=plan.id,
        digest=plan.approved_digest,
        snapshot_id=gate.find(access, BackupSet, plan.backup_set_id).snapshot_ids[0],
        target=target,
        source_name=gate.find_even_deleted(access, Source, plan.target_source_id).name,
        target_fingerprint=plan.target_fingerprint,
        has_begun=has_begun is not None,
        total=sum(plan.counts.values()) - unchanged,
        unchanged=unchanged,
    )
    run.total_items, run.unchanged_items = task.total, unchanged
    db.session.commit()
    return task
