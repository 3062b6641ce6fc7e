"""Where a tenant's backups lie."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import TenantOwned, UtcTime, tenant_args


class VaultRecord(TenantOwned, Model):
    """One vault = one tenant = one prefix = one key. The key is in the vault, wrapped.

    ``head_snapshot`` and ``head_sequence`` are kept here so that a rollback of the vault shows.
    """

    __tablename__ = "vaults"
    __table_args__ = tenant_args("vaults", UniqueConstraint("tenant_id"))

    backend: Mapped[str] = mapped_column(default="local")
    location: Mapped[str]  # relative to the data folder's vaults/ when local
    vault_id: Mapped[str]
    head_snapshot: Mapped[str | None]
    head_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcTime)
    retention_asked_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the daily one
    retention_ran_at: Mapped[datetime | None] = mapped_column(UtcTime)
    pruned_at: Mapped[datetime | None] = mapped_column(UtcTime)
    prune_again_at: Mapped[datetime | None] = mapped_column(UtcTime)  # something is left to free
    freed_later_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    freed_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # in all
    recovery_sheet_at: Mapped[datetime | None] = mapped_column(UtcTime)  # when it was last taken
