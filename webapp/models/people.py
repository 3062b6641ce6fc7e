"""People, their roles in tenants, and the one-time links they are sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from flask_login import UserMixin
from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.domain.permissions import Role
from webapp.extensions import Model
from webapp.models.columns import Identified, TenantOwned, UtcTime, tenant_args, words
from webapp.models.tenants import Tenant


class User(Identified, UserMixin, Model):
    """A person. ``session_epoch`` goes up to end all their sessions at once."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(unique=True)  # lower case
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]  # Argon2id; None: invited, not signed in yet
    totp_sealed: Mapped[str | None]  # second factor, in use once totp_confirmed_at is set
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    totp_last_step: Mapped[int] = mapped_column(default=0)  # a code works once
    recovery_codes: Mapped[list[str]] = mapped_column(JSON, default=list)  # hashes
    is_msp_admin: Mapped[bool] = mapped_column(default=False)
    is_disabled: Mapped[bool] = mapped_column(default=False)
    session_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcTime)

    memberships: Mapped[list[Membership]] = relationship(
        back_populates="user", cascade="all, delete-orphan"
    )

    @property
    def is_active(self) -> bool:
        return not self.is_disabled

    def get_id(self) -> str:
        return f"{self.id}.{self.session_epoch}"


class Membership(TenantOwned, Model):
    """The role of one person in one tenant."""

    __tablename__ = "memberships"
    __table_args__ = tenant_args("memberships", UniqueConstraint("tenant_id", "user_id"))

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[Role] = mapped_column(words(Role))
    content: Mapped[bool] = mapped_column(default=False)

    user: Mapped[User] = relationship(back_populates="memberships")
    tenant: Mapped[Tenant] = relationship()


class LinkPurpose(StrEnum):
    INVITATION = "invitation"
    RESET = "reset"


class OneTimeLink(Identified, Model):
    """An invitation or a password reset. Only the hash of its secret is kept."""

    __tablename__ = "one_time_links"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[LinkPurpose] = mapped_column(words(LinkPurpose))
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)

    user: Mapped[User] = relationship()


class SignInFailure(Identified, Model):
    """One failed try, by account and by address: what throttling counts. Pruned after a day.

    In the database, not in a process: it holds for all web processes and across restarts.
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("ix_sign_in_failures_subject_at", "subject", "at"),)

    subject: Mapped[str]  # "email:…" or "address:…"
    at: Mapped[datetime] = mapped_column(UtcTime)
