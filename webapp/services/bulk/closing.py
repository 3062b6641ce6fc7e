"""The end of a bulk run: every item gets its row, failures are derived, the audit log is told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp.domain.actors import Actor
from webapp.domain.runs import RunType
from webapp.extensions import db
from webapp.models import BulkOperationRun, Run, RunItem, Tenant
from webapp.services import audit, run_ends
from webapp.services.bulk import in_hand, items
from webapp.services.bulk.items import Outcome
from webapp.services.run_views import counts_of

NOT_TRIED = "Not tried: the run ended before its turn came."
NOT_AWAITED = "Its own run was still under way when this one ended; that run's page tells its end."
IN_DOUBT = "Its worker was lost before it was known what became of this item. Look at it."


def close(run: Run) -> None:
    """What is written with the end of a bulk run, however it ends. The caller commits."""
    link = db.session.scalars(
        select(BulkOperationRun).where(BulkOperationRun.run_id == run.id)
    ).one()
    in_hand.find_again(run)
    keys = {f"{link.resource}:{item_id}": at for at, item_id in enumerate(link.item_ids)}
    known = items.known(run.id)
    items.settle(run, [_unknown(run, key) for key, outcome in known.items() if outcome is None])
    rest = {key: position for key, position in keys.items() if key not in known}
    items.leave(run, rest, code="not_attempted", message=NOT_TRIED)
    link.failures = failures_of(run.id)
    link.audit_log_id = _audit(run, link).id


def failures_of(run_id: UUID) -> list[dict[str, Any]]:
    """What ``bulk_operation_runs.failures`` keeps, in the order of the items."""
    query = (
        select(RunItem.item_key, RunItem.reason_code, RunItem.message)
        .where(RunItem.run_id == run_id, RunItem.outcome.in_(("failed", "partial")))
        .order_by(RunItem.position)
    )
    return [
        {"item_key": key, "code": code, "message": message}
        for key, code, message in db.session.execute(query)
    ]


def _unknown(run: Run, key: str) -> Outcome:
    item_id = key.partition(":")[2]
    if item_id in run.metadata_.get(in_hand.CHILDREN, {}):
        return Outcome(key=key, outcome="skipped", code="not_awaited", message=NOT_AWAITED)
    return Outcome(key=key, outcome="failed", code="in_doubt", message=IN_DOUBT)


def _audit(run: Run, link: BulkOperationRun) -> Any:
    return audit.record(
        Actor(label=run.requested_by, user_id=run.user_id),
        f"{link.resource}.bulk_{link.action}",
        tenant=db.session.get_one(Tenant, run.tenant_id),
        resource=f"run:{run.id}",
        reason=run.reason,
        details={"status": run.status, "counts": counts_of(run), "items": list(link.item_ids)},
    )


run_ends.CLOSERS[RunType.BULK] = close
