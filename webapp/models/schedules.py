"""When to capture, and what became of each slot."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.restore_points import BackupType
from webapp.domain.schedules import Frequency, MissedRule, SlotStatus, Trigger
from webapp.extensions import Model
from webapp.models.columns import (
    Identified,
    SafeJson,
    SafeText,
    TenantOwned,
    UtcTime,
    tenant_args,
    words,
)
from webapp.models.runs import Run
from webapp.models.sources import Source

_IS_WATCHED = text("is_enabled AND archived_at IS NULL")


class ScheduleTemplate(Identified, Model):
    """A schedule and its retention for many sources of many tenants. ``definition`` holds the
    columns of ``backup_schedules`` that it sets; ``version`` goes up with each change."""

    __tablename__ = "schedule_templates"

    name: Mapped[str] = mapped_column(unique=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class BackupSchedule(TenantOwned, Model):
    """When a source is captured, and what is kept of it.

    ``evaluated_until`` is the minute up to which slots have been looked for: what lies between it
    and now was missed. ``version`` tells two people who edit at once from each other. ``retention``
    adds to ``retention_keep_last``: {hourly, daily, weekly, monthly, yearly, within_days}.
    """

    __tablename__ = "backup_schedules"
    __table_args__ = tenant_args(
        "backup_schedules",
        ForeignKeyConstraint(["tenant_id", "source_id"], ["sources.tenant_id", "sources.id"]),
        Index("ix_backup_schedules_source", "tenant_id", "source_id"),
        Index(
            "ix_backup_schedules_due",
            "next_run_at",
            sqlite_where=_IS_WATCHED,
            postgresql_where=_IS_WATCHED,
        ),
    )

    source_id: Mapped[UUID]
    template_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule_templates.id"))
    name: Mapped[str]  # 255 characters at most
    is_enabled: Mapped[bool] = mapped_column(default=True)
    timezone: Mapped[str] = mapped_column(default="UTC")
    frequency: Mapped[Frequency] = mapped_column(words(Frequency))
    time_of_day: Mapped[str | None]  # HH:MM
    days_of_week: Mapped[list[int]] = mapped_column(JSON, default=list)  # 1 Monday … 7 Sunday
    cron: Mapped[str | None]
    backup_type: Mapped[BackupType] = mapped_column(words(BackupType), default=BackupType.FULL)
    policy_types: Mapped[list[str]] = mapped_column(JSON, default=list)
    include_foundations: Mapped[bool] = mapped_column(default=True)
    retention_keep_last: Mapped[int] = mapped_column(default=30)
    retention: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    missed: Mapped[MissedRule] = mapped_column(words(MissedRule), default=MissedRule.SKIP)
    paused_until: Mapped[datetime | None] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(default=1)
    evaluated_until: Mapped[datetime] = mapped_column(UtcTime)
    next_run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_run_status: Mapped[SlotStatus | None] = mapped_column(words(SlotStatus))
    retention_ran_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcTime)

    source: Mapped[Source] = relationship(viewonly=True)


class BackupScheduleRun(TenantOwned, Model):
    """One slot: at most one a schedule and minute.

    ``summary``: {policies_total, policies_backed_up, errors_count, type_breakdown, warnings,
    unknown_policy_types} and whatever else a source counts.
    """

    __tablename__ = "backup_schedule_runs"
    __table_args__ = tenant_args(
        "backup_schedule_runs",
        ForeignKeyConstraint(
            ["tenant_id", "schedule_id"], ["backup_schedules.tenant_id", "backup_schedules.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "backup_set_id"], ["backup_sets.tenant_id", "backup_sets.id"]
        ),
        UniqueConstraint("schedule_id", "scheduled_for"),
        Index("ix_backup_schedule_runs_run", "run_id"),
        Index("ix_backup_schedule_runs_set", "backup_set_id"),
    )

    schedule_id: Mapped[UUID]
    scheduled_for: Mapped[datetime] = mapped_column(UtcTime)  # a whole minute
    trigger: Mapped[Trigger] = mapped_column(words(Trigger), default=Trigger.SCHEDULE)
    status: Mapped[SlotStatus] = mapped_column(words(SlotStatus), default=SlotStatus.RUNNING)
    run_id: Mapped[UUID | None]
    backup_set_id: Mapped[UUID | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(SafeText)
    summary: Mapped[dict[str, Any]] = mapped_column(SafeJson, default=dict)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)

    schedule: Mapped[BackupSchedule] = relationship(viewonly=True)
    run: Mapped[Run | None] = relationship(viewonly=True)
