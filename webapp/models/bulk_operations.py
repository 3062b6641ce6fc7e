"""Runs over many items of one sort, such as adding policies to a backup set."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.extensions import Model
from webapp.models.columns import SafeJson, TenantOwned, tenant_args
from webapp.models.runs import Run


class BulkOperationRun(TenantOwned, Model):
    """What a bulk run needs beside its row. ``failures`` is derived from ``run_items`` at the end:
    ``[{"item_key", "code", "message"}]``, safe to show."""

    __tablename__ = "bulk_operation_runs"
    __table_args__ = tenant_args(
        "bulk_operation_runs",
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        UniqueConstraint("run_id"),
    )

    run_id: Mapped[UUID]
    resource: Mapped[str]  # policy, backup_set, source, …
    action: Mapped[str]  # export, add_policies, apply_template, …
    item_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    failures: Mapped[list[dict[str, Any]] | None] = mapped_column(SafeJson)
    audit_log_id: Mapped[UUID | None] = mapped_column(ForeignKey("audit_logs.id"))

    run: Mapped[Run] = relationship(viewonly=True)
