"""Facts about this installation as a whole: one row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.models.columns import UtcTime


class Installation(Model):
    """The key check values say which key files belong to this database."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    master_key_check: Mapped[str]  # fingerprint of the master key, not the key
    secret_key_check: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
