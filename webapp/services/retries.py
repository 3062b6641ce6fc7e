"""Doing ended work once more, as a run of its own: all of it, or only what failed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.connectors.base import Action
from webapp.domain.runs import RunType
from webapp.errors import Conflict, Refused
from webapp.extensions import db
from webapp.models import RestorePlan, Run, RunItem
from webapp.models.columns import new_id
from webapp.services import bulk, plans, runs
from webapp.services.access import Access
from webapp.services.bulk import operations

_REPEATABLE = (Action.CREATE.value, Action.UPDATE.value, Action.REPLACE.value)


def again(access: Access, run_id: UUID, *, failed_only: bool = False) -> tuple[Run, bool]:
    """Start the same work once more, as a child of the ended run. Commits, rings.

    Of a bulk run, *failed_only* repeats the items that did not succeed; of a restore, it makes a
    preview of those items, which a person looks at like any other. A capture is always whole.

    Raises:
        Conflict: it has not ended, or it succeeded.
        Refused: ``nothing_failed``; ``needs_new_preview``: a restore is never just repeated.
    """
    run = runs.find(access, run_id)
    if run.run_type is RunType.BULK:
        return bulk.retry(access, run, failed_only=failed_only)
    if run.run_type is RunType.RESTORE and failed_only:
        return _preview_of_the_rest(access, run)
    return runs.retry(access, run_id, failed_only=failed_only)


def can_repeat(run: Run) -> bool:
    """Say whether a run of this sort is repeated as it is, if it did not succeed."""
    if run.run_type is RunType.BULK:
        return operations.is_known(str(run.metadata_.get("resource", "")), run.action)
    return run.run_type in {RunType.CAPTURE, RunType.MAINTENANCE}


def can_repeat_failed(run: Run) -> bool:
    """Say whether only what failed in it can be repeated."""
    if not run.status.is_final or run.failed + run.skipped == 0:
        return False
    return run.run_type is RunType.RESTORE or (run.run_type is RunType.BULK and can_repeat(run))


def _preview_of_the_rest(access: Access, run: Run) -> tuple[Run, bool]:
    if not run.status.is_final:
        raise Conflict("This restore is still under way.")
    done = plans.of_run(access, run.id)
    if done is None or done.undo_of_run_id is not None:
        raise Refused("needs_new_preview", "An undo is repeated by undoing once more.")
    scope = _failed_keys(run)
    if not scope:
        raise Refused("nothing_failed", "Nothing of this restore that can be repeated failed.")
    plan = RestorePlan(
        id=new_id(),
        tenant_id=access.tenant.id,
        backup_set_id=done.backup_set_id,
        target_source_id=done.target_source_id,
        target_path=done.target_path,
        scope=scope,
        with_delete=False,
        created_at=clock.now(),
        previewed_by=access.actor.label,
    )
    return plans.queue(access, plan, parent_run_id=run.id)


def _failed_keys(run: Run) -> list[str]:
    """Keys of what the restore should have written and did not. Removals have no part: what is
    not in the restore point cannot be chosen from it."""
    query = (
        select(RunItem.item_key)
        .where(
            RunItem.run_id == run.id,
            RunItem.outcome.in_(("failed", "skipped")),
            RunItem.action.in_(_REPEATABLE),
        )
        .order_by(RunItem.position)
    )
    return list(db.session.scalars(query))
