"""Looking at runs: lists, logs, outcomes of items, and the documents that scripts read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import or_
from sqlalchemy.orm import joinedload

from webapp.domain.marks import Mark
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import Run, RunEvent, RunItem
from webapp.services import access as gate
from webapp.services.access import Access
from webapp.services.paging import behind


def find(access: Access, run_id: UUID) -> Run:
    """One run of this tenant, with its source: what polls ask for each second.

    Raises:
        Forbidden: it is not this tenant's, or there is none.
    """
    query = gate.rows(Run, access).where(Run.id == run_id).options(joinedload(Run.source))
    run: Run | None = db.session.scalar(query)
    if run is None:
        raise Forbidden
    return run


def present(access: Access, run_id: UUID) -> dict[str, Any]:
    """The run's document as it is this moment; no transaction stays open. For those who wait."""
    db.session.rollback()
    document = as_document(find(access, run_id))
    db.session.rollback()
    return document


def latest(
    access: Access,
    *,
    source_id: UUID | None = None,
    status: RunState | None = None,
    run_type: RunType | None = None,
    limit: int = 50,
    before: Mark | None = None,
) -> list[Run]:
    """The tenant's runs, newest first, with their sources. *before*: only what is behind it."""
    access.require(Permission.VIEW)
    query = gate.rows(Run, access).order_by(Run.queued_at.desc(), Run.id.desc()).limit(limit)
    query = query.options(joinedload(Run.source)).where(behind(before, Run.queued_at, Run.id))
    if source_id is not None:
        query = query.where(Run.source_id == source_id)
    if status is not None:
        query = query.where(Run.status == status)
    if run_type is not None:
        query = query.where(Run.run_type == run_type)
    return list(db.session.scalars(query))


def events(access: Access, run: Run, after: int = 0, limit: int = 500) -> list[RunEvent]:
    """Lines of the run's log behind number *after*."""
    access.require(Permission.VIEW)
    return list(
        db.session.scalars(
            gate.rows(RunEvent, access)
            .where(RunEvent.run_id == run.id, RunEvent.seq > after)
            .order_by(RunEvent.seq)
            .limit(limit)
        )
    )


def items(
    access: Access,
    run: Run,
    *,
    only_problems: bool = False,
    limit: int | None = 500,
    offset: int = 0,
) -> list[RunItem]:
    """Outcomes of single items, in the order of the work."""
    access.require(Permission.VIEW)
    query = gate.rows(RunItem, access).where(RunItem.run_id == run.id)
    if only_problems:
        query = query.where(
            or_(RunItem.outcome.is_(None), RunItem.outcome.not_in(("succeeded", "unchanged")))
        )
    query = query.order_by(RunItem.position, RunItem.item_key).limit(limit).offset(offset)
    return list(db.session.scalars(query))


def counts_of(run: Run) -> dict[str, int]:
    """The counters under the names that the JSON documents use."""
    return {
        "total": run.total_items if run.total_items is not None else run.processed_items,
        "processed": run.processed_items,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "skipped": run.skipped,
        "unchanged": run.unchanged_items,
    }


def as_document(run: Run, items: Iterable[RunItem] = ()) -> dict[str, Any]:
    """A run as scripts see it."""
    return {
        "id": str(run.id),
        "run_type": run.run_type,
        "action": run.action,
        "status": run.status,
        "source_id": str(run.source_id) if run.source_id else None,
        "parent_run_id": str(run.parent_run_id) if run.parent_run_id else None,
        "counts": counts_of(run),
        "bytes": {"read": run.read_bytes, "stored": run.stored_bytes},
        "phase": run.phase,
        "not_before": run.not_before,
        "waits_for": run.waits_for,
        "retries": run.retries,
        "requested_by": run.requested_by,
        "reason": run.reason,
        "error_code": run.error_code,
        "failure_reason": run.failure_reason,
        "deciding_rule": run.deciding_rule,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "items": [
            {
                "key": item.item_key,
                "action": item.action,
                "outcome": item.outcome,
                "reason_code": item.reason_code,
                "message": item.message,
            }
            for item in items
        ],
    }
