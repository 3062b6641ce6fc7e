"""Runs: asking for one, looking at them, stopping and repeating them, ending them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.errors import Conflict, Refused
from webapp.extensions import db, doorbell
from webapp.models import IS_ACTIVE, Run, Tenant, TenantStatus
from webapp.models.columns import new_id
from webapp.services import notify, quotas, schedule_slots
from webapp.services.access import Access
from webapp.services.claims import claim
from webapp.services.run_ends import CLOSERS, Ending, end, finish, record
from webapp.services.run_views import (
    as_document,
    counts_of,
    events,
    find,
    items,
    latest,
    present,
)
from webapp.services.sweeping import sweep

__all__ = [
    "Ending", "as_document", "cancel", "claim", "counts_of", "events", "find", "finish", "items",
    "latest", "needs", "present", "request", "retry", "sweep",
]  # fmt: skip

# What starting, canceling and retrying each sort of run needs.
NEEDS = {
    RunType.PREVIEW: Permission.PREVIEW,
    RunType.RESTORE: Permission.APPROVE,
}


def needs(run_type: RunType) -> Permission:
    """What one must be allowed to, to start, cancel or repeat a run of this type."""
    return NEEDS.get(run_type, Permission.OPERATE)


def request(
    access: Access,
    run_type: RunType,
    action: str,
    *,
    key: str,
    also: Callable[[Run], None] | None = None,
    **columns: Any,
) -> tuple[Run, bool]:
    """Queue a run, commit, then ring the doorbell.

    Identical requests (same tenant and *key*) while one is queued or running share that run.

    Args:
        also: called with the new row before the commit, to add what belongs to it.
        columns: id, source_id, reason, metadata, parent_run_id, total_items, not_before (a moment
            before which no worker takes it).

    Returns:
        The run, and whether it is new.

    Raises:
        Forbidden: the role is too small.
        Conflict: the tenant is suspended or leaving.
        Refused: ``quota_exceeded``, of a new capture.
    """
    access.require(needs(run_type))
    _require_active(access.tenant)
    tenant_id = access.tenant.id
    present = _active(tenant_id, key)
    if present is not None:
        return present, False
    if run_type is RunType.CAPTURE:
        quotas.require_room(access.tenant)
    run = _new_run(access, run_type, action, key=key, **columns)
    db.session.add(run)
    try:
        db.session.flush()
        if also is not None:
            also(run)
        record(access.actor, run, "started", reason=run.reason)
        notify.run_changed(run)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        present = _active(tenant_id, key)
        if present is None:
            raise
        return present, False  # somebody was first, perhaps this very moment
    if run.not_before is None or run.not_before <= run.queued_at:
        doorbell.ring(run.id)
    return run, True


def _new_run(access: Access, run_type: RunType, action: str, *, key: str, **columns: Any) -> Run:
    now = clock.now()
    columns["metadata_"] = dict(columns.pop("metadata", None) or {})
    return Run(
        id=columns.pop("id", None) or new_id(),
        tenant_id=access.tenant.id,
        run_type=run_type,
        action=action,
        idempotency_key=key,
        user_id=access.actor.user_id,
        requested_by=access.actor.label,
        queued_at=now,
        rung_at=now,
        **columns,
    )


def _require_active(tenant: Tenant) -> None:
    if tenant.status is not TenantStatus.ACTIVE:
        raise Conflict(f"{tenant.name} is {tenant.status}; nothing new can be started.")


def _active(tenant_id: UUID, key: str) -> Run | None:
    query = select(Run).where(Run.tenant_id == tenant_id, Run.idempotency_key == key)
    return db.session.scalar(query.where(IS_ACTIVE))


def cancel(access: Access, run_id: UUID) -> Run:
    """Stop a run: at once if it is queued, between two items if it is running. Commits.

    Raises:
        Conflict: it has ended already.
    """
    run = find(access, run_id)
    access.require(needs(run.run_type))
    db.session.refresh(run, with_for_update={"of": Run})  # not its source, which came along
    if run.status.is_final:
        raise Conflict(f"This run has ended already: it is {run.status}.")
    run.cancel_requested_at = run.cancel_requested_at or clock.now()
    record(access.actor, run, "cancel_requested")
    if run.status is RunState.QUEUED:
        also = CLOSERS.get(run.run_type)
        end(run, Ending(counted=Counted(canceled=True), also=also))
    db.session.commit()
    return run


def retry(access: Access, run_id: UUID, *, failed_only: bool = False) -> tuple[Run, bool]:
    """Start the same work once more, as a child of the ended run.

    Raises:
        Conflict: it has not ended, or it succeeded.
        Refused: a live restore; it needs a new preview.
    """
    run = find(access, run_id)
    if not run.status.is_final or run.status is RunState.SUCCEEDED:
        raise Conflict(
            f"Only a run that failed, wholly or partly, is repeated; this is {run.status}."
        )
    if run.run_type in {RunType.RESTORE, RunType.PREVIEW}:
        raise Refused("needs_new_preview", "A restore is repeated by a new preview of its set.")
    metadata = {**run.metadata_, "failed_only": failed_only}
    metadata.pop("holds", None)
    is_scheduled = run.action == schedule_slots.SCHEDULED
    return request(
        access,
        run.run_type,
        run.action,
        key=run.idempotency_key,
        source_id=run.source_id,
        reason=run.reason,
        metadata=metadata,
        parent_run_id=run.id,
        also=partial(schedule_slots.take_again, actor=access.actor) if is_scheduled else None,
    )
