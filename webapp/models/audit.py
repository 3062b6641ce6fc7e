"""The audit chain: rows that can be added, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import Identified, UtcTime

INSTALLATION_CHAIN = UUID(int=0)


class AuditEntry(Identified, Model):
    """One act. ``chain`` is the tenant's id, or ``INSTALLATION_CHAIN``; ``seq`` begins at 1.

    ``hash`` = HMAC-SHA256, with a key derived from the master key, over ``prev_hash`` and all
    other columns. Triggers refuse UPDATE, DELETE and an INSERT of a seq or id that exists.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        UniqueConstraint("chain", "seq"),
        Index("ix_audit_logs_chain_at", "chain", "at"),
        Index("ix_audit_logs_action", "chain", "action", "seq"),
    )

    chain: Mapped[UUID]
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"))
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str]
    action: Mapped[str]
    resource: Mapped[str] = mapped_column(default="")  # "source:<uuid>", "run:<uuid>", …
    reason: Mapped[str] = mapped_column(default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    prev_hash: Mapped[str]
    hash: Mapped[str]


class AuditHead(Model):
    """The newest link of each chain: what a writer locks, and what a cut end is compared with.

    ``seal`` is keyed: who can write the database but lacks the key cannot set the head back.
    """

    __tablename__ = "audit_heads"

    chain: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]
    seal: Mapped[str]
