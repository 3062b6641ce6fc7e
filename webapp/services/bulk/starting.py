"""Asking for a bulk run, and for the repetition of what failed in one."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select

from webapp.domain import redaction
from webapp.domain.runs import RunState, RunType
from webapp.errors import Conflict, Invalid, Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import BulkOperationRun, Run
from webapp.services import access as gate
from webapp.services import runs
from webapp.services.access import Access
from webapp.services.bulk import looking, operations
from webapp.services.bulk.operations import Operation

MOST_ITEMS = 1000


def start(
    access: Access,
    resource: str,
    action: str,
    item_ids: Iterable[UUID],
    *,
    reason: str = "",
    metadata: Json | None = None,
) -> tuple[Run, bool]:
    """Queue one run over many items, commit, then ring the doorbell.

    The same items (in whatever order) while such a run is queued or running share it. They are
    worked on in the order in which they came into being.

    Args:
        metadata: options, handed to the function of each item; ``reason`` among them.

    Raises:
        Forbidden: one of them is not this tenant's, or the role is too small.
        NotFound: one of them was deleted.
        Invalid: none is given, or too many, or there is no such operation.
    """
    return _start(
        access,
        operations.called(resource, action),
        sorted(set(item_ids)),
        options={**(metadata or {}), "reason": redaction.safe(reason.strip())},
    )


def retry(access: Access, run: Run, *, failed_only: bool) -> tuple[Run, bool]:
    """Start an ended bulk run once more as its child: all items, or those that did not succeed.

    Raises:
        Conflict: it has not ended.
        Refused: ``nothing_failed``.
    """
    if not run.status.is_final or (run.status is RunState.SUCCEEDED and not failed_only):
        raise Conflict(f"Only a run that failed, wholly or partly, is repeated; {run.status}.")
    link = looking.link_of(access, run.id)
    ids = [UUID(item_id) for item_id in link.item_ids]
    if failed_only:
        ids = looking.failed_ids(run, link)
    if not ids:
        raise Refused("nothing_failed", "Every item of this run succeeded.")
    operation = operations.called(link.resource, link.action)
    options = dict(run.metadata_.get("options", {}))
    return _start(access, operation, ids, options=options, parent_run_id=run.id)


def _start(
    access: Access,
    operation: Operation,
    ids: list[UUID],
    *,
    options: Json,
    parent_run_id: UUID | None = None,
) -> tuple[Run, bool]:
    access.require(operation.permission)
    if not 0 < len(ids) <= MOST_ITEMS:
        raise Invalid({"items": f"Choose at least one, and at most {MOST_ITEMS:,}."})
    _require_own(access, operation, ids)

    def also(run: Run) -> None:
        link = BulkOperationRun(
            tenant_id=run.tenant_id,
            run_id=run.id,
            resource=operation.resource,
            action=operation.action,
            item_ids=[str(item_id) for item_id in ids],
        )
        db.session.add(link)

    return runs.request(
        access,
        RunType.BULK,
        operation.action,
        key=_key(operation, ids),
        also=also,
        reason=str(options.get("reason", "")),
        total_items=len(ids),
        metadata={"resource": operation.resource, "options": dict(options)},
        parent_run_id=parent_run_id,
    )


def _require_own(access: Access, operation: Operation, ids: list[UUID]) -> None:
    model = operation.model
    there = set(db.session.scalars(select(model.id).where(
        model.tenant_id == access.tenant.id, model.id.in_(ids)
    )))  # fmt: skip
    for item_id in ids:
        if item_id not in there or _can_be_deleted(model):
            gate.find(access, model, item_id)


def _can_be_deleted(model: type) -> bool:
    return hasattr(model, "deleted_at") or hasattr(model, "removed_at")


def _key(operation: Operation, ids: list[UUID]) -> str:
    digest = sha256(" ".join(str(item_id) for item_id in sorted(ids)).encode()).hexdigest()
    return f"bulk:{operation.resource}:{operation.action}:{digest[:32]}"
