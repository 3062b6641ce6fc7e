"""Every piece of background work is a row first."""

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
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.outcomes import FEWER
from webapp.domain.runs import ACTIVE, ENDED_BY_ITSELF, RunState, RunType, require_step
from webapp.extensions import Model
from webapp.models.columns import (
    SafeJson,
    SafeText,
    TenantOwned,
    UtcTime,
    tenant_args,
    words,
)
from webapp.models.people import User
from webapp.models.sources import Source

_IS_ACTIVE = text("status IN ({})".format(", ".join(f"'{state}'" for state in ACTIVE)))
_IS_CAPTURE = text("run_type = 'capture_run'")
_IS_CAPTURED = text(
    "run_type = 'capture_run' AND status IN ({})".format(
        ", ".join(f"'{state}'" for state in ENDED_BY_ITSELF)
    )
)
_IS_RETRY = text("parent_run_id IS NOT NULL")
_RARE = (
    ("ix_runs_restores", text(f"run_type = '{RunType.RESTORE}'")),
    ("ix_runs_bulk", text(f"run_type = '{RunType.BULK}'")),
)


class Run(TenantOwned, Model):
    """One piece of background work.

    ``action`` says what, within its type: ``capture``, ``check``, ``preview``, ``apply``,
    ``verify``, … ``metadata_`` carries what the job needs beside the ids in the columns.
    """

    __tablename__ = "runs"
    __table_args__ = tenant_args(
        "runs",
        # A run and its source belong to one tenant: the database itself refuses a mix.
        ForeignKeyConstraint(["tenant_id", "source_id"], ["sources.tenant_id", "sources.id"]),
        ForeignKeyConstraint(["tenant_id", "parent_run_id"], ["runs.tenant_id", "runs.id"]),
        # One active run an operation and target, however many people press the button at once.
        Index(
            "uq_runs_active_key",
            "tenant_id",
            "idempotency_key",
            unique=True,
            sqlite_where=_IS_ACTIVE,
            postgresql_where=_IS_ACTIVE,
        ),
        # Lists, newest first: of a tenant, of a state, of everybody. They end with the id, so that
        # a list is in order, and goes on behind a row, without sorting.
        Index("ix_runs_tenant_queued", "tenant_id", "queued_at", "id"),
        Index("ix_runs_tenant_status", "tenant_id", "status", "queued_at", "id"),
        Index("ix_runs_status_queued", "status", "queued_at", "id"),
        Index("ix_runs_queued", "queued_at", "id"),
        Index("ix_runs_source", "tenant_id", "source_id", "queued_at"),
        # How the newest capture of each source ended, and how those of the last days did. The
        # words that the condition names are columns, too: only then are no rows read.
        Index(
            "ix_runs_captured",
            "tenant_id",
            "source_id",
            "queued_at",
            "status",
            "run_type",
            sqlite_where=_IS_CAPTURED,
            postgresql_where=_IS_CAPTURED,
        ),
        Index(
            "ix_runs_captured_days",
            "tenant_id",
            "finished_at",
            "status",
            "run_type",
            sqlite_where=_IS_CAPTURE,
            postgresql_where=_IS_CAPTURE,
        ),
        *(
            Index(name, "tenant_id", "queued_at", "id", sqlite_where=only, postgresql_where=only)
            for name, only in _RARE
        ),
        Index(
            "ix_runs_parent",
            "tenant_id",
            "parent_run_id",
            sqlite_where=_IS_RETRY,
            postgresql_where=_IS_RETRY,
        ),
    )

    run_type: Mapped[RunType] = mapped_column(words(RunType))
    action: Mapped[str]
    status: Mapped[RunState] = mapped_column(words(RunState), default=RunState.QUEUED)
    idempotency_key: Mapped[str]
    source_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    requested_by: Mapped[str]  # as the audit log names the actor
    reason: Mapped[str] = mapped_column(SafeText, default="")

    total_items: Mapped[int | None]  # None: not known yet
    processed_items: Mapped[int] = mapped_column(default=0)
    succeeded: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    unchanged_items: Mapped[int] = mapped_column(default=0)
    total_bytes: Mapped[int | None] = mapped_column(BigInteger)  # None: not known yet
    read_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    phase: Mapped[str] = mapped_column(default="")
    current_item: Mapped[str] = mapped_column(default="")

    attempt: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    fence: Mapped[int] = mapped_column(default=0)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcTime)
    parent_run_id: Mapped[UUID | None]  # the run that this one retries

    error_code: Mapped[str | None]
    error_context: Mapped[dict[str, Any] | None] = mapped_column(SafeJson)
    failure_reason: Mapped[str | None] = mapped_column(SafeText)  # one safe sentence for a person
    deciding_rule: Mapped[str | None]  # the rule of domain/outcomes.py that set the end state
    queued_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    rung_at: Mapped[datetime | None] = mapped_column(UtcTime)  # when the doorbell rang last
    not_before: Mapped[datetime | None] = mapped_column(UtcTime)  # it waits until then
    waits_for: Mapped[str] = mapped_column(SafeText, default="")  # why: fits behind "because"
    retries: Mapped[int] = mapped_column(default=0)  # by itself, after what may pass
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)

    source: Mapped[Source | None] = relationship(overlaps="tenant_id", viewonly=True)
    user: Mapped[User | None] = relationship()

    @property
    def has_shrunk(self) -> bool:
        """It is partial for holding far less than the last good one, and for nothing else."""
        return self.deciding_rule == FEWER

    @property
    def share(self) -> int | None:
        """How much is done, 0 to 100; None while the whole is not known."""
        if self.status in {RunState.SUCCEEDED, RunState.PARTIAL}:
            return 100
        if self.total_bytes:
            return min(99, self.read_bytes * 100 // self.total_bytes)
        if self.total_items:
            return min(99, self.processed_items * 100 // self.total_items)
        return None

    def move_to(self, state: RunState, *, at: datetime) -> None:
        """Take one step of the run's life; ``Conflict`` if it is not allowed."""
        require_step(self.status, state)
        self.status = state
        if state.is_final:
            self.finished_at = at


# Said as the partial indexes say it: with parameters in it, a database does not know that it may
# use one.
IS_ACTIVE = Run.status.in_([literal_column(f"'{state}'") for state in ACTIVE])
IS_RESTORE = Run.run_type == literal_column(f"'{RunType.RESTORE}'")
IS_BULK = Run.run_type == literal_column(f"'{RunType.BULK}'")


class RunItem(TenantOwned, Model):
    """Outcome of one item, exactly one a run and key.

    ``intent_at`` without ``outcome`` is an item in doubt: the worker died between saying that it
    would write and saying that it had.
    """

    __tablename__ = "run_items"
    __table_args__ = tenant_args(
        "run_items",
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        UniqueConstraint("run_id", "item_key"),
        Index("ix_run_items_run", "tenant_id", "run_id", "position"),
    )

    run_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(default=0)
    item_key: Mapped[str]
    action: Mapped[str] = mapped_column(default="")
    intent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    outcome: Mapped[str | None]  # succeeded, failed, skipped, unchanged
    reason_code: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(SafeText, default="")
    before_hash: Mapped[str] = mapped_column(default="")
    after_hash: Mapped[str] = mapped_column(default="")
    size: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)


class RunEvent(TenantOwned, Model):
    """One line of a run's log, read by offset (``seq`` begins at 1)."""

    __tablename__ = "run_events"
    __table_args__ = tenant_args(
        "run_events",
        ForeignKeyConstraint(["tenant_id", "run_id"], ["runs.tenant_id", "runs.id"]),
        UniqueConstraint("run_id", "seq"),
    )

    run_id: Mapped[UUID]
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcTime)
    level: Mapped[str] = mapped_column(default="info")  # info, warning, error
    message: Mapped[str] = mapped_column(SafeText)
