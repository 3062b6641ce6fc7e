"""Frozen plans and the runs that carry them out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.plans import PlanState, require_step
from webapp.extensions import Model
from webapp.models.backup_sets import BackupSet
from webapp.models.columns import SafeText, TenantOwned, UtcTime, tenant_args, words
from webapp.models.runs import Run
from webapp.models.sources import Source


class RestorePlan(TenantOwned, Model):
    """What a restore will do, item by item. From ``ready`` on nothing in it changes but its state.

    ``counts``: {create, update, replace, delete, unchanged, blocked}. ``scope``: item keys, empty
    for all. ``target_path``: set when restored into a folder (``--to-path``) instead of a source.
    """

    __tablename__ = "restore_plans"
    __table_args__ = tenant_args(
        "restore_plans",
        ForeignKeyConstraint(
            ["tenant_id", "backup_set_id"], ["backup_sets.tenant_id", "backup_sets.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        ForeignKeyConstraint(["tenant_id", "undo_of_run_id"], ["runs.tenant_id", "runs.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "target_source_id"], ["sources.tenant_id", "sources.id"]
        ),
        Index("ix_restore_plans_newest", "tenant_id", "created_at", "id"),
        Index("ix_restore_plans_run", "run_id"),
        Index("ix_restore_plans_undo", "undo_of_run_id"),
    )

    backup_set_id: Mapped[UUID]
    run_id: Mapped[UUID]  # the preview run that made it
    target_source_id: Mapped[UUID]
    target_path: Mapped[str | None]
    scope: Mapped[list[str]] = mapped_column(JSON, default=list)
    with_delete: Mapped[bool] = mapped_column(default=False)
    undo_of_run_id: Mapped[UUID | None]
    state: Mapped[PlanState] = mapped_column(words(PlanState), default=PlanState.DRAFT)
    digest: Mapped[str] = mapped_column(default="")
    source_fingerprint: Mapped[str] = mapped_column(default="")  # the target source's settings
    target_fingerprint: Mapped[str] = mapped_column(default="")  # what the target is
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    checks: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    safety_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    stale_reason: Mapped[str] = mapped_column(SafeText, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ready_at: Mapped[datetime | None] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    previewed_by: Mapped[str]
    requested_by: Mapped[str | None]
    requested_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    requested_at: Mapped[datetime | None] = mapped_column(UtcTime)
    approved_by: Mapped[str | None]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    approved_digest: Mapped[str | None]
    rejected_by: Mapped[str | None]
    reason: Mapped[str] = mapped_column(SafeText, default="")

    backup_set: Mapped[BackupSet] = relationship(viewonly=True)
    target_source: Mapped[Source] = relationship(viewonly=True)
    preview_run: Mapped[Run] = relationship(
        viewonly=True,
        primaryjoin="and_(RestorePlan.run_id == Run.id, RestorePlan.tenant_id == Run.tenant_id)",
    )

    def move_to(self, state: PlanState) -> None:
        """Take one step of the plan's life; ``Conflict`` if it is not allowed."""
        require_step(self.state, state)
        self.state = state


class PlanItem(TenantOwned, Model):
    """One row of a plan. ``diff_sealed`` is text of the customer's: sealed, shown with the
    ``content`` right only."""

    __tablename__ = "plan_items"
    __table_args__ = tenant_args(
        "plan_items",
        ForeignKeyConstraint(
            ["tenant_id", "plan_id"], ["restore_plans.tenant_id", "restore_plans.id"]
        ),
        UniqueConstraint("plan_id", "position"),
        UniqueConstraint("plan_id", "item_key"),
        Index("ix_plan_items_action", "plan_id", "action", "position"),
    )

    plan_id: Mapped[UUID]
    position: Mapped[int]
    item_key: Mapped[str]
    kind: Mapped[str] = mapped_column(default="")
    action: Mapped[str]
    before_hash: Mapped[str] = mapped_column(default="")
    after_hash: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    reason_code: Mapped[str] = mapped_column(default="")
    risk: Mapped[str] = mapped_column(default="none")
    size_before: Mapped[int | None] = mapped_column(BigInteger)
    size_after: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    diff_sealed: Mapped[str | None]


class RestoreRun(TenantOwned, Model):
    """What a run needs beside its row when it previews or restores; one for each such run."""

    __tablename__ = "restore_runs"
    __table_args__ = tenant_args(
        "restore_runs",
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "plan_id"], ["restore_plans.tenant_id", "restore_plans.id"]
        ),
        ForeignKeyConstraint(
            ["tenant_id", "backup_set_id"], ["backup_sets.tenant_id", "backup_sets.id"]
        ),
        ForeignKeyConstraint(
            ["tenant_id", "safety_set_id"], ["backup_sets.tenant_id", "backup_sets.id"]
        ),
        Index("ix_restore_runs_plan", "plan_id"),
        UniqueConstraint("run_id"),
    )

    run_id: Mapped[UUID]
    backup_set_id: Mapped[UUID]
    plan_id: Mapped[UUID | None]
    safety_set_id: Mapped[UUID | None]
    is_dry_run: Mapped[bool]
    requested_items: Mapped[list[str]] = mapped_column(JSON, default=list)
    preview: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    results: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    group_mapping: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    run: Mapped[Run] = relationship(viewonly=True)
    plan: Mapped[RestorePlan | None] = relationship(viewonly=True)
