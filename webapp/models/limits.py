"""How much may go on at once and when, and how much each customer uses."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Date, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import (
    Identified,
    SafeText,
    TenantOwned,
    UtcTime,
    tenant_args,
    words,
)


class LimitScope(StrEnum):
    INSTALLATION = "installation"
    TENANT = "tenant"
    HOST = "host"


class Limit(Identified, Model):
    """What holds for the whole installation, a tenant, or a host; nothing said is no limit.

    ``subject``: empty, a tenant's id, or "<tenant id>/<host>" (no host: this machine).
    ``windows``: when captures may start, ``[{"days": [1, …, 7], "from": "HH:MM", "to": "HH:MM"}]``
    in the tenant's zone.
    """

    __tablename__ = "limits"
    __table_args__ = (UniqueConstraint("scope", "subject"),)

    scope: Mapped[LimitScope] = mapped_column(words(LimitScope))
    subject: Mapped[str] = mapped_column(default="")
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    most_running: Mapped[int | None]
    bytes_per_second: Mapped[int | None] = mapped_column(BigInteger)
    windows: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    paused_until: Mapped[datetime | None] = mapped_column(UtcTime)
    pause_reason: Mapped[str] = mapped_column(SafeText, default="")


class UsageSample(TenantOwned, Model):
    """What a customer used on one day (UTC); the monthly CSV is made of these."""

    __tablename__ = "usage_samples"
    __table_args__ = tenant_args("usage_samples", UniqueConstraint("tenant_id", "day"))

    day: Mapped[date] = mapped_column(Date)
    source_count: Mapped[int] = mapped_column(default=0)
    set_count: Mapped[int] = mapped_column(default=0)
    protected_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # newest sets, logical
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # in the vault
    read_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # by captures of that day
