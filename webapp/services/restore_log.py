"""The restore log for auditors: who asked, who approved, what was done, item by item."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select, union_all

from webapp.domain.actors import Actor
from webapp.domain.marks import Page
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import (
    IS_RESTORE,
    BackupSet,
    RestorePlan,
    RestoreRun,
    Run,
    RunItem,
    Source,
    Tenant,
)
from webapp.services import access as gate
from webapp.services import csv_files
from webapp.services.access import Access
from webapp.services.paging import behind

COLUMNS = (
    "tenant", "run_id", "plan_id", "status", "requested_by", "requested_at", "approved_by",
    "approved_at", "reason", "started_at", "finished_at", "source", "target", "set",
    "safety_set_id", "undo_of_run_id", "item", "action", "outcome", "reason_code", "before",
    "after",
)  # fmt: skip
_LONG = Page(500)


def rows(
    who: Access | Actor,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    actor_text: str = "",
    tenant: str = "",
    page: Page = _LONG,
) -> list[dict[str, Any]]:
    """Live restores, newest first: one row a run.

    Args:
        who: an access for one tenant, or an actor for all tenants where they may see it.
        tenant: with an actor, only the tenant of this slug.
        since, until: by the moment the run was queued; *until* itself is outside.
        actor_text: part of the name of who asked, approved or started.
        page: which part of the list.

    Raises:
        Forbidden: the role shows no audit log.
    """
    query = _query(_tenants(who, tenant)).limit(page.limit)
    query = query.where(behind(page.before, Run.queued_at, Run.id))
    if since is not None:
        query = query.where(Run.queued_at >= since)
    if until is not None:
        query = query.where(Run.queued_at < until)
    if actor_text:
        names = (Run.requested_by, RestorePlan.requested_by, RestorePlan.approved_by)
        query = query.where(or_(*(name.icontains(actor_text, autoescape=True) for name in names)))
    return [_row(*found) for found in db.session.execute(query)]


def items(
    who: Access | Actor, run_ids: Collection[UUID], *, most: int | None = None
) -> dict[UUID, list[RunItem]]:
    """The items of these runs with their state before and after, in the order of the work.

    Runs that are not the asker's to see are left out.

    Args:
        most: so many of each run, for a page: a restore may have written a hundred thousand.
    """
    return _items(_tenants(who, ""), run_ids, most=most) if run_ids else {}


def csv_lines(who: Access | Actor, found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The log as CSV with a head, one line an item. No cell can be taken for a formula."""
    yield csv_files.line(COLUMNS)
    tenant_ids: list[UUID] = []
    for row in found:
        run_id, tenant_ids = UUID(row["run_id"]), tenant_ids or _tenants(who, "")
        listed = _items(tenant_ids, [run_id]).get(run_id, [])
        for facts in [_item(item) for item in listed] or [{}]:
            yield csv_files.line({**row, **facts}.get(name) for name in COLUMNS)


def _items(
    tenant_ids: list[UUID], run_ids: Collection[UUID], *, most: int | None = None
) -> dict[UUID, list[RunItem]]:
    query = select(Run.tenant_id, Run.id).where(
        Run.id.in_(list(run_ids)), Run.tenant_id.in_(tenant_ids)
    )
    seen = db.session.execute(query).all()
    if not seen:
        return {}
    found: dict[UUID, list[RunItem]] = {run_id: [] for _, run_id in seen}
    first = [
        select(RunItem.id)
        .where(RunItem.tenant_id == tenant_id, RunItem.run_id == run_id)
        .order_by(RunItem.position)
        .limit(most)
        .subquery()
        for tenant_id, run_id in seen
    ]
    ids = union_all(*(select(one.c.id) for one in first))
    items = db.session.scalars(select(RunItem).where(RunItem.id.in_(ids)))
    for item in sorted(items, key=lambda item: item.position):
        found[item.run_id].append(item)
    return found


def _item(item: RunItem) -> dict[str, Any]:
    return {
        "item": item.item_key,
        "action": item.action,
        "outcome": item.outcome or "in doubt",
        "reason_code": item.reason_code,
        "before": item.before_hash,
        "after": item.after_hash,
    }


def _tenants(who: Access | Actor, slug: str) -> list[UUID]:
    if isinstance(who, Access):
        who.require(Permission.VIEW_AUDIT)
        return [who.tenant.id]
    seen = gate.tenants_where(who, Permission.VIEW_AUDIT)
    found = [tenant.id for tenant in seen if not slug or tenant.slug == slug]
    if not found:
        raise Forbidden
    return found


def _query(tenant_ids: list[UUID]) -> Select[*tuple[Any, ...]]:
    return (
        select(Run, RestoreRun, RestorePlan, BackupSet, Source, Tenant)
        .join(RestoreRun, RestoreRun.run_id == Run.id)
        .join(RestorePlan, RestorePlan.id == RestoreRun.plan_id)
        .join(BackupSet, BackupSet.id == RestoreRun.backup_set_id)
        .join(Source, Source.id == RestorePlan.target_source_id)
        .join(Tenant, Tenant.id == Run.tenant_id)
        .where(Run.tenant_id.in_(tenant_ids), IS_RESTORE, ~RestoreRun.is_dry_run)
        .order_by(Run.queued_at.desc(), Run.id.desc())
    )


def _row(run: Run, link: RestoreRun, plan: RestorePlan, *others: Any) -> dict[str, Any]:
    backup_set, source, tenant = others
    return {
        "tenant": tenant.slug,
        "run_id": str(run.id),
        "plan_id": str(plan.id),
        "status": run.status,
        "started_by": run.requested_by,
        "requested_by": plan.requested_by,
        "requested_at": plan.requested_at,
        "approved_by": plan.approved_by,
        "approved_at": plan.approved_at,
        "reason": run.reason or plan.reason,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "source": source.name,
        "target": plan.target_path or source.name,
        "set": backup_set.name,
        "set_id": str(backup_set.id),
        "safety_set_id": str(link.safety_set_id) if link.safety_set_id else None,
        "undo_of_run_id": str(plan.undo_of_run_id) if plan.undo_of_run_id else None,
        "counts": plan.counts,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "skipped": run.skipped,
        "digest": plan.approved_digest,
    }
