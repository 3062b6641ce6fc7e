"""What one person asked for and another has to approve."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.actors import Actor
from webapp.domain.acts import Act, RequestState
from webapp.extensions import Model
from webapp.models.columns import SafeText, TenantOwned, UtcTime, tenant_args, words

_WAITS = text("state = 'waiting'")


class ActRequest(TenantOwned, Model):
    """Frozen when it is made: ``parameters`` are carried out as they are, or not at all.

    ``subject``: "schedule:<id>", "set:<id>", …; ``subject_state`` tells whether it is still as it
    was. ``lines`` say what would become of it. ``digest`` is keyed and covers all of these and who
    asked.
    """

    __tablename__ = "act_requests"
    __table_args__ = tenant_args(
        "act_requests",
        Index(
            "uq_act_requests_waiting",
            "tenant_id",
            "act",
            "subject",
            unique=True,
            sqlite_where=_WAITS,
            postgresql_where=_WAITS,
        ),
        Index("ix_act_requests_tenant", "tenant_id", "requested_at"),
        Index("ix_act_requests_state", "state", "expires_at"),
    )

    act: Mapped[Act] = mapped_column(words(Act))
    subject: Mapped[str]
    subject_name: Mapped[str]
    subject_state: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    lines: Mapped[list[str]] = mapped_column(JSON, default=list)
    digest: Mapped[str]
    state: Mapped[RequestState] = mapped_column(words(RequestState), default=RequestState.WAITING)
    requested_by: Mapped[str]
    requested_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    requested_login: Mapped[str] = mapped_column(default="")  # behind a command line
    requested_at: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(SafeText, default="")
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decision: Mapped[str] = mapped_column(SafeText, default="")  # why, in the decider's words
    executed_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def requester(self) -> Actor:
        """Who asked, to be compared with who decides. Not to act as: see ``access.again``."""
        return Actor(
            label=self.requested_by, user_id=self.requested_by_id, login=self.requested_login
        )

    def is_open(self, *, at: datetime) -> bool:
        """Whether somebody can still decide, or take what was approved."""
        return self.state.is_open and at < self.expires_at
