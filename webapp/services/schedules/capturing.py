"""The work of a scheduled run: look whether it may begin, then capture into one new set."""

from __future__ import annotations

from uuid import UUID

from webapp.domain.quotas import CODE
from webapp.domain.schedules import SKIPPED
from webapp.errors import Refused
from webapp.extensions import db
from webapp.models import BackupSchedule, Run, Source, Tenant, TenantStatus
from webapp.services import captures, holds, quotas
from webapp.services.claims import Claim, writing
from webapp.services.runs import Ending
from webapp.services.schedules import keeping


def carry_out(claim: Claim) -> Ending:
    """Capture as the schedule says. The end of the run links its slot, its set and itself.

    Raises:
        Refused: with a code of ``domain.schedules.SKIPPED``: the slot ends as skipped.
    """
    code = _why_not(claim)
    db.session.rollback()
    if code:
        raise Refused(code, SKIPPED[code])
    return captures.carry_out(claim)


def _why_not(claim: Claim) -> str:
    """Why it may not begin, looked at once more: it may have waited long."""
    run = db.session.get_one(Run, claim.run_id)
    schedule = db.session.get_one(BackupSchedule, UUID(run.metadata_["schedule_id"]))
    source = db.session.get_one(Source, schedule.source_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    if tenant.status is not TenantStatus.ACTIVE:
        return "tenant_not_active"
    if source.removed_at is not None:
        return "source_removed"
    if schedule.archived_at is not None:
        return "schedule_archived"
    if tenant.id in quotas.used_up({tenant.id}):
        return CODE
    if not holds.is_free(source.config):
        return "restore_running"
    return _choose_types(claim, run, source.kind)


def _choose_types(claim: Claim, run: Run, kind: str) -> str:
    """Note which policy types are still known; those that are not make the slot partial, and if
    none is left, there is nothing to capture."""
    asked = list(run.metadata_.get("policy_types", ()))
    known = keeping.policy_types_of(kind)
    unknown = [name for name in asked if name not in known]
    if unknown:
        with writing(claim) as held:
            held.metadata_ = {**held.metadata_, "unknown_policy_types": unknown}
    return "unknown_policy_type" if asked and len(unknown) == len(asked) else ""
