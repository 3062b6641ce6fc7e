"""Restore points and what is in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.restore_points import BackupType, SetStatus
from webapp.extensions import Model
from webapp.models.columns import SafeText, TenantOwned, UtcTime, tenant_args, words
from webapp.models.sources import Source

_IS_GOOD = text("status = 'completed' AND backup_type != 'pre-restore' AND deleted_at IS NULL")
_IS_THERE = text("deleted_at IS NULL")
_IS_TRASH = text("deleted_at IS NOT NULL AND purged_at IS NULL")


class BackupSet(TenantOwned, Model):
    """One immutable restore point. It exists only as completed or partial: failure belongs to
    the run, and a set that is not there cannot be mistaken for a backup."""

    __tablename__ = "backup_sets"
    __table_args__ = tenant_args(
        "backup_sets",
        ForeignKeyConstraint(["tenant_id", "source_id"], ["sources.tenant_id", "sources.id"]),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        UniqueConstraint("run_id", "backup_type"),
        # The newest complete one of each source, for pages over thousands of them. What the
        # condition names are columns, too: only then are no rows read.
        Index(
            "ix_backup_sets_good",
            "tenant_id",
            "source_id",
            "finished_at",
            "backup_type",
            "status",
            "deleted_at",
            sqlite_where=_IS_GOOD,
            postgresql_where=_IS_GOOD,
        ),
        # In order of time, and how many there are and what they take, without a look at the rows.
        Index(
            "ix_backup_sets_source",
            "tenant_id",
            "source_id",
            "finished_at",
            "deleted_at",
            "status",
            "backup_type",
            "stored_size",
        ),
        Index(
            "ix_backup_sets_living",
            "tenant_id",
            "finished_at",
            "id",
            sqlite_where=_IS_THERE,
            postgresql_where=_IS_THERE,
        ),
        Index(
            "ix_backup_sets_trash",
            "tenant_id",
            "deleted_at",
            sqlite_where=_IS_TRASH,
            postgresql_where=_IS_TRASH,
        ),
    )

    source_id: Mapped[UUID]
    run_id: Mapped[UUID]
    name: Mapped[str]
    backup_type: Mapped[BackupType] = mapped_column(words(BackupType))
    reason: Mapped[str] = mapped_column(SafeText, default="")
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)
    status: Mapped[SetStatus] = mapped_column(words(SetStatus))
    snapshot_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    destination: Mapped[str] = mapped_column(default="local")
    description: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime] = mapped_column(UtcTime)
    item_count: Mapped[int] = mapped_column(default=0)
    total_size: Mapped[int] = mapped_column(BigInteger, default=0)  # logical bytes
    stored_size: Mapped[int] = mapped_column(BigInteger, default=0)
    pinned: Mapped[bool] = mapped_column(default=False)
    verified_at: Mapped[datetime | None] = mapped_column(UtcTime)
    on_hold: Mapped[str] = mapped_column(default="")  # why nothing may delete it, if so
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    deleted_by_rule: Mapped[str] = mapped_column(default="")  # in words
    purged_at: Mapped[datetime | None] = mapped_column(UtcTime)  # its data is no longer kept

    source: Mapped[Source] = relationship(viewonly=True)
    items: Mapped[list[BackupItem]] = relationship(
        back_populates="backup_set", order_by="BackupItem.item_key", viewonly=True
    )


class BackupItem(TenantOwned, Model):
    """One restorable thing in a set. A file tree is one item; its files are in the manifest."""

    __tablename__ = "backup_items"
    __table_args__ = tenant_args(
        "backup_items",
        ForeignKeyConstraint(
            ["tenant_id", "backup_set_id"], ["backup_sets.tenant_id", "backup_sets.id"]
        ),
        UniqueConstraint("backup_set_id", "item_key"),
    )

    backup_set_id: Mapped[UUID]
    item_key: Mapped[str]
    item_type: Mapped[str]  # tree, db, config, policy
    external_id: Mapped[str | None]
    name: Mapped[str]
    snapshot_path: Mapped[str]  # as items.path_to_text writes it
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    file_count: Mapped[int] = mapped_column(default=0)
    content_hash: Mapped[str] = mapped_column(default="")
    flags: Mapped[list[str]] = mapped_column(JSON, default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)

    backup_set: Mapped[BackupSet] = relationship(back_populates="items", viewonly=True)
