"""Something protected."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import SafeJson, TenantOwned, UtcTime, tenant_args

_IS_THERE = text("removed_at IS NULL")


class Source(TenantOwned, Model):
    """A folder, database, site, … of one tenant. Removed ones stay for their backup sets' sake.

    ``check_findings`` is the outcome of the last live check, made by a worker:
    ``[{"level", "message", "code"}]``.
    """

    __tablename__ = "sources"
    __table_args__ = tenant_args(
        "sources",
        Index(
            "uq_sources_name",
            "tenant_id",
            "name",
            unique=True,
            sqlite_where=_IS_THERE,
            postgresql_where=_IS_THERE,
        ),
    )

    kind: Mapped[str]
    name: Mapped[str]
    host: Mapped[str | None]  # None: this machine
    config: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # no secrets
    secrets_sealed: Mapped[str | None]
    recovery_point_minutes: Mapped[int | None]  # None: the tenant's
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    check_status: Mapped[str | None]  # ok, warning, error; None: not checked since last edited
    check_findings: Mapped[list[dict[str, str]]] = mapped_column(SafeJson, default=list)
