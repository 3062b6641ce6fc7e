"""Restore plans: asking for a preview, and looking at what it found."""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import Select, select

from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.plans import PlanState
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunType
from webapp.errors import Forbidden, Invalid, NotFound, Refused
from webapp.extensions import db, write_transaction
from webapp.items import key_of, path_of, sort_key
from webapp.models import BackupSet, PlanItem, RestorePlan, RestoreRun, Run, Source
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import audit, installation, runs, sources
from webapp.services.access import Access


class Options(TypedDict, total=False):
    """What a person may choose for a preview.

    ``items``: item keys, none for all; a ``tree:`` key means all below it. ``to_source_id``:
    another source of the same kind. ``to_path``: a folder below a granted root. ``delete``: also
    remove what is in the target and not in the backup.
    """

    items: Iterable[str]
    to_source_id: UUID | None
    to_path: str | None
    delete: bool
    at: datetime


def preview(access: Access, set_id: UUID, **options: Unpack[Options]) -> tuple[Run, bool]:
    """Queue a preview, which makes a plan and writes nothing to the target. Commits, rings.

    Identical previews share a run while one is queued or running.

    Raises:
        Forbidden, NotFound: set or target is not this tenant's, or gone.
        Invalid: an item key or the folder cannot be used.
        Refused: ``outside_roots``, ``delete_not_possible``.
    """
    access.require(Permission.PREVIEW)
    backup_set = gate.find(access, BackupSet, set_id)
    scope = _cleaned_scope(options.get("items", ()))
    delete = bool(options.get("delete", False))
    if delete:
        _require_whole(backup_set)
    folder = _cleaned_folder(access, options.get("to_path"))
    source = _target_source(access, backup_set, options.get("to_source_id"), folder=folder)
    plan = RestorePlan(
        id=new_id(),
        tenant_id=access.tenant.id,
        backup_set_id=backup_set.id,
        target_source_id=source.id,
        target_path=folder,
        scope=scope,
        with_delete=delete,
        created_at=clock.now(),
        previewed_by=access.actor.label,
    )
    return queue(access, plan)


def queue(
    access: Access, plan: RestorePlan, *, parent_run_id: UUID | None = None
) -> tuple[Run, bool]:
    """Queue the preview run of a draft plan; both come into being together, or neither."""
    plan_set_id, plan_tenant = plan.backup_set_id, plan.tenant_id

    def also(run: Run) -> None:
        plan.run_id = run.id
        db.session.add(plan)
        db.session.flush()
        db.session.add(
            RestoreRun(
                tenant_id=plan_tenant,
                run_id=run.id,
                backup_set_id=plan_set_id,
                plan_id=plan.id,
                is_dry_run=True,
                requested_items=plan.scope,
            )
        )

    return runs.request(
        access,
        RunType.PREVIEW,
        "preview",
        key=f"preview:{_choice(plan)}",
        source_id=plan.target_source_id,
        metadata={"plan_id": str(plan.id)},
        also=also,
        parent_run_id=parent_run_id,
    )


def _choice(plan: RestorePlan) -> str:
    """Sums up what was chosen: two previews of one choice are the same work."""
    chosen = [
        str(plan.backup_set_id), str(plan.target_source_id), plan.target_path, plan.scope,
        plan.with_delete, str(plan.undo_of_run_id),
    ]  # fmt: skip
    return sha256(json.dumps(chosen).encode()).hexdigest()[:32]


def find(access: Access, plan_id: UUID) -> RestorePlan:
    """One plan of this tenant; ``Forbidden`` if it is not."""
    return gate.find(access, RestorePlan, plan_id)


def of_run(access: Access, run_id: UUID) -> RestorePlan | None:
    """The plan that a preview run made, or that a restore run carries out."""
    link: list[RestoreRun] = list(
        db.session.scalars(gate.rows(RestoreRun, access).where(RestoreRun.run_id == run_id))
    )
    return find(access, link[0].plan_id) if link and link[0].plan_id else None


def latest(access: Access, *, limit: int = 50) -> list[RestorePlan]:
    """The tenant's plans, newest first."""
    access.require(Permission.VIEW)
    query = gate.rows(RestorePlan, access).order_by(RestorePlan.created_at.desc()).limit(limit)
    return list(db.session.scalars(query))


def rows(
    access: Access,
    plan: RestorePlan,
    *,
    action: str | None = None,
    q: str = "",
    limit: int | None = 200,
    offset: int = 0,
) -> list[PlanItem]:
    """Rows of a plan in their order; only those of one *action*, or with *q* in their key."""
    query = _rows_of(access, plan)
    if action:
        query = query.where(PlanItem.action == action)
    if q:
        query = query.where(PlanItem.item_key.icontains(q, autoescape=True))
    query = query.order_by(PlanItem.position).limit(limit).offset(offset)
    return list(db.session.scalars(query))


def diff(access: Access, plan_item_id: UUID) -> str:
    """The text diff of one row; empty if it has none.

    Raises:
        Forbidden: the content right is missing, or the row is not this tenant's.
    """
    access.require(Permission.VIEW_CONTENT)
    row: PlanItem = gate.find(access, PlanItem, plan_item_id)
    if row.diff_sealed is None:
        return ""
    text = installation.unseal(row.diff_sealed, purpose=f"diff of plan {row.plan_id}")
    resource, details = f"plan:{row.plan_id}", {"item": row.item_key}
    with write_transaction():
        audit.record(
            access.actor,
            "content.diff_viewed",
            tenant=access.tenant,
            resource=resource,
            details=details,
        )
    return text


def reject_reason(plan: RestorePlan, *, at: datetime) -> Refused | None:
    """Why nothing can be done with this plan any more; None if something can."""
    if plan.expires_at is not None and plan.expires_at <= at and not plan.state.is_final:
        return Refused("plan_expired", "This plan is older than 24 hours. Make a new preview.")
    told = {
        PlanState.DRAFT: ("plan_not_ready", "The preview is not ready yet."),
        PlanState.EXPIRED: ("plan_expired", "This plan has expired. Make a new preview."),
        PlanState.REJECTED: ("plan_rejected", "This plan was rejected. Make a new preview."),
        PlanState.EXECUTED: ("plan_used", "This plan has been carried out already."),
        PlanState.STALE: (
            "plan_stale",
            f"This plan is stale: {plan.stale_reason} Make a new preview.",
        ),
    }.get(plan.state)
    return Refused(*told) if told else None


def as_document(plan: RestorePlan, items: Iterable[PlanItem] = ()) -> dict[str, Any]:
    """A plan as scripts see it."""
    return {
        "plan_id": str(plan.id),
        "state": plan.state,
        "digest": plan.digest,
        "backup_set_id": str(plan.backup_set_id),
        "counts": plan.counts,
        "checks": plan.checks,
        "expires_at": plan.expires_at,
        "stale_reason": plan.stale_reason,
        "requested_by": plan.requested_by,
        "approved_by": plan.approved_by,
        "items": [
            {
                "key": row.item_key,
                "action": row.action,
                "reason": row.reason,
                "reason_code": row.reason_code,
                "risk": row.risk,
                "kind": row.kind,
                "before": row.before_hash,
                "after": row.after_hash,
                "details": row.details,
            }
            for row in items
        ],
    }


def _rows_of(access: Access, plan: RestorePlan) -> Select[PlanItem]:
    access.require(Permission.VIEW)
    return gate.rows(PlanItem, access).where(PlanItem.plan_id == plan.id)


def _cleaned_scope(items: Iterable[str]) -> list[str]:
    """Sorted, without what another key covers."""
    try:
        chosen = {path_of(key) for key in items}
    except ValueError as error:
        raise Invalid({"items": f"{error}; write it as tree:<path>, db:<name> …"}) from None
    kept: list[tuple[bytes, str]] = []
    for path in sorted(chosen, key=sort_key):
        if not kept or not path.startswith(kept[-1][0] + b"/"):
            kept.append((path, key_of(path)))
    return [key for _, key in kept]


def _require_whole(backup_set: BackupSet) -> None:
    """What a set does not hold is removed on request; so it must be known to hold everything."""
    if backup_set.backup_type is BackupType.PRE_RESTORE:
        raise Refused(
            "delete_not_possible",
            "A safety set holds only what was overwritten; nothing can be removed by it.",
        )
    if backup_set.status is not SetStatus.COMPLETED:
        raise Refused(
            "delete_not_possible",
            "This set is partial: what it lacks may just not have been captured. "
            "Restore without removing, or from a complete set.",
        )


def _target_source(
    access: Access, backup_set: BackupSet, source_id: UUID | None, *, folder: str | None
) -> Source:
    """The source itself, or another of the same kind. Into a folder, a removed one will do."""
    origin = db.session.scalar(
        select(Source).where(
            Source.tenant_id == access.tenant.id, Source.id == backup_set.source_id
        )
    )
    if origin is None:
        raise Forbidden
    if source_id is None or source_id == origin.id:
        if origin.removed_at is not None and folder is None:
            raise NotFound("The source was removed; choose another one, or a folder.")
        return origin
    other: Source = gate.find(access, Source, source_id)
    if other.kind != origin.kind:
        raise Invalid({"to_source_id": f"It is of kind {other.kind}, the backup of {origin.kind}."})
    return other


def _cleaned_folder(access: Access, folder: str | None) -> str | None:
    if not folder:
        return None
    if not folder.startswith("/") or "\x00" in folder:
        raise Invalid({"to_path": "The folder's full path is needed, from the slash on."})
    if any("\ud800" <= letter <= "\udfff" for letter in folder):
        raise Invalid({"to_path": "The folder's name is not UTF-8; choose another."})
    folder = os.path.normpath(folder)
    problem = sources.why_not(access.tenant, folder)
    if problem:
        raise Refused("outside_roots", f"{folder}: {problem}")
    return folder
