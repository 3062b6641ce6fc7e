"""What people are told, where else it goes, and what is wrong right now."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

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

_IS_OPEN = text("closed_at IS NULL")


class Notification(TenantOwned, Model):
    """One line behind a person's bell.

    ``payload``: {tenant_id, run_type, run_id, status, counts, safe_error_code,
    safe_error_context}; for an alert {tenant_id, alert_id, condition, message}; for a request of a
    second person {tenant_id, request_id, act, state, message}.
    """

    __tablename__ = "notifications"
    __table_args__ = tenant_args(
        "notifications",
        Index("ix_notifications_user", "user_id", "read_at", "created_at"),
        Index("ix_notifications_newest", "user_id", "created_at", "id"),
        Index("ix_notifications_run", "user_id", "run_id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    type: Mapped[str]  # run_status, alert, request
    run_id: Mapped[UUID | None]  # what it is about; no key, since it outlives the run
    payload: Mapped[dict[str, Any]] = mapped_column(SafeJson, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Alert(TenantOwned, Model):
    """A condition that somebody should know of; one open row each, which closes by itself.

    ``condition``: source_overdue, schedule_paused, retention_overdue, quota, … ``subject``:
    "source:<id>", "schedule:<id>", …
    """

    __tablename__ = "alerts"
    __table_args__ = tenant_args(
        "alerts",
        Index(
            "uq_alerts_open",
            "tenant_id",
            "condition",
            "subject",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
    )

    condition: Mapped[str]
    subject: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(SafeText)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)  # when it was last found to hold
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Channel(Identified, Model):
    """Where messages go outside the console: a person's or a tenant's, never both.

    ``url_sealed`` is an Apprise address: it often carries a token. ``rules``: {failures: at_once
    | digest | never, alerts: at_once | never, digest: daily | never, digest_at: "HH:MM"}.
    """

    __tablename__ = "notification_channels"

    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    kind: Mapped[str]  # mail, msteams, slack, json, …: as Apprise's schema says
    url_sealed: Mapped[str]
    rules: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    digest_sent_for: Mapped[str | None]  # the day of the newest digest, YYYY-MM-DD


class MessageState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


class ChannelMessage(Identified, Model):
    """One message to one channel: kept until it went out, tried again with back-off, and kept as
    a record. ``key`` makes telling the same thing twice impossible."""

    __tablename__ = "channel_messages"
    __table_args__ = (
        UniqueConstraint("channel_id", "key"),
        Index("ix_channel_messages_state", "state", "next_try_at"),
    )

    channel_id: Mapped[UUID] = mapped_column(
        ForeignKey("notification_channels.id", ondelete="CASCADE")
    )
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"))
    key: Mapped[str]
    subject: Mapped[str] = mapped_column(SafeText)
    body: Mapped[str] = mapped_column(SafeText)
    state: Mapped[MessageState] = mapped_column(words(MessageState), default=MessageState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(UtcTime)
    last_error: Mapped[str] = mapped_column(SafeText, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)

    channel: Mapped[Channel] = relationship(viewonly=True)
