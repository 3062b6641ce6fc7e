"""Which processes of this installation live, on whatever host."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import Identified, UtcTime


class ProcessSign(Identified, Model):
    """One process that shows itself over and over while it lives; the row stays behind for a
    while. ``queue_problem`` is what it saw of the queue last."""

    __tablename__ = "processes"
    __table_args__ = (Index("ix_processes_kind", "kind", "seen_at"),)

    kind: Mapped[str]  # worker
    host: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    queue_problem: Mapped[str] = mapped_column(default="")
