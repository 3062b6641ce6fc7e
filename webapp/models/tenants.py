"""A tenant is a customer: the wall that nothing crosses."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import Identified, UtcTime, words


class TenantStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    GONE = "gone"


class Tenant(Identified, Model):
    """A customer.

    ``granted_roots`` are the local folders that its sources and restores may touch, as absolute
    paths; ``needs_two_people`` names the acts that one person may not do alone.
    """

    __tablename__ = "tenants"

    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(default="UTC")
    environment_label: Mapped[str] = mapped_column(default="production")
    status: Mapped[TenantStatus] = mapped_column(words(TenantStatus), default=TenantStatus.ACTIVE)
    is_demo: Mapped[bool] = mapped_column(default=False)
    granted_roots: Mapped[list[str]] = mapped_column(JSON, default=list)
    needs_two_people: Mapped[list[str]] = mapped_column(JSON, default=list)  # "live_restore", …
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger)
    recovery_point_minutes: Mapped[int] = mapped_column(default=24 * 60)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
