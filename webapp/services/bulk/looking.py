"""Looking at bulk runs: the list, one, and its items by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import defer

from webapp.domain.marks import Mark
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden
from webapp.extensions import db
from webapp.models import IS_BULK, BulkOperationRun, Run, RunItem
from webapp.services import access as gate
from webapp.services.access import Access
from webapp.services.bulk.operations import MODELS
from webapp.services.paging import behind

_NOUNS = {"source": "sources", "backup_set": "backup sets", "schedule": "schedules"}
_VERBS = {"capture": "Capture", "verify": "Verification"}


@dataclass(frozen=True, kw_only=True)
class BulkRow:
    """One bulk run with what it was asked to do, and to how many items."""

    run: Run
    link: BulkOperationRun
    count: int

    @property
    def title(self) -> str:
        return title(self.link.resource, self.link.action, self.count)


@dataclass(frozen=True, kw_only=True)
class ItemRow:
    """Attributes:
    name: as people call the item now; empty if it is gone.
    outcome: empty before its turn.
    run_id: the run that was made for it.
    """

    item_id: UUID
    name: str
    outcome: str
    code: str
    message: str
    run_id: UUID | None


def title(resource: str, action: str, count: int) -> str:
    """``Capture of 12 sources``."""
    noun = _NOUNS.get(resource, f"{resource}s".replace("_", " "))
    verb = _VERBS.get(action, action.replace("_", " ").capitalize())
    return f"{verb} of {count:,} {noun[:-1] if count == 1 else noun}"


def find(access: Access, run_id: UUID) -> BulkRow:
    """One bulk run of this tenant.

    Raises:
        Forbidden: it is not this tenant's, no bulk run, or there is none.
    """
    access.require(Permission.VIEW)
    link = link_of(access, run_id)
    return BulkRow(run=gate.find(access, Run, run_id), link=link, count=len(link.item_ids))


def link_of(access: Access, run_id: UUID) -> BulkOperationRun:
    query = gate.rows(BulkOperationRun, access).where(BulkOperationRun.run_id == run_id)
    found: BulkOperationRun | None = db.session.scalar(query)
    if found is None:
        raise Forbidden
    return found


def latest(
    access: Access, *, limit: int = 50, before: Mark | None = None, with_items: bool = False
) -> list[BulkRow]:
    """The tenant's bulk runs, newest first.

    Args:
        before: only what is behind it in the list.
        with_items: load also what each was asked to work on, a thousand ids perhaps.
    """
    access.require(Permission.VIEW)
    link = BulkOperationRun
    query = (
        select(link, Run, func.json_array_length(link.item_ids))
        .join(Run, Run.id == link.run_id)
        .where(link.tenant_id == access.tenant.id, Run.tenant_id == access.tenant.id, IS_BULK)
        .where(behind(before, Run.queued_at, Run.id))
        .order_by(Run.queued_at.desc(), Run.id.desc())
        .limit(limit)
    )
    if not with_items:
        query = query.options(defer(link.item_ids), defer(link.failures))
    return [BulkRow(link=row[0], run=row[1], count=row[2]) for row in db.session.execute(query)]


def items(
    access: Access, row: BulkRow, *, offset: int = 0, limit: int | None = None
) -> list[ItemRow]:
    """The items of a bulk run in their order, those too whose turn has not come."""
    access.require(Permission.VIEW)
    ids = row.link.item_ids[offset:][:limit]
    names = _names(access, row.link, ids)
    children = row.run.metadata_.get("children", {})
    keys = [f"{row.link.resource}:{item_id}" for item_id in ids]
    query = gate.rows(RunItem, access).where(
        RunItem.run_id == row.run.id, RunItem.item_key.in_(keys)
    )
    known = {item.item_key: item for item in db.session.scalars(query)}
    return [
        _item(UUID(item_id), known.get(key), names, children)
        for item_id, key in zip(ids, keys, strict=True)
    ]


def failed_ids(run: Run, link: BulkOperationRun) -> list[UUID]:
    """The items that did not succeed, in their order."""
    query = select(RunItem.item_key).where(
        RunItem.run_id == run.id, RunItem.outcome.in_(("failed", "partial", "skipped"))
    )
    keys = set(db.session.scalars(query))
    return [UUID(one) for one in link.item_ids if f"{link.resource}:{one}" in keys]


def _item(
    item_id: UUID, item: RunItem | None, names: dict[UUID, str], children: dict[str, dict[str, str]]
) -> ItemRow:
    child = children.get(str(item_id))
    begun = "running" if item is not None else ""
    return ItemRow(
        item_id=item_id,
        name=names.get(item_id, ""),
        outcome=(item.outcome or begun) if item else "",
        code=item.reason_code if item else "",
        message=item.message if item else "",
        run_id=UUID(child["run"]) if child else None,
    )


def _names(access: Access, link: BulkOperationRun, ids: Sequence[str]) -> dict[UUID, str]:
    model = MODELS[link.resource]
    query = select(model.id, model.name).where(
        model.tenant_id == access.tenant.id, model.id.in_([UUID(item_id) for item_id in ids])
    )
    return {item_id: name for item_id, name in db.session.execute(query)}
