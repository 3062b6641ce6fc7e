"""When a vault was cleaned up, and how much that freed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NEW = (
    sa.Column("retention_asked_at", sa.DateTime(), nullable=True),
    sa.Column("retention_ran_at", sa.DateTime(), nullable=True),
    sa.Column("pruned_at", sa.DateTime(), nullable=True),
    sa.Column("prune_again_at", sa.DateTime(), nullable=True),
    sa.Column("freed_later_bytes", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("freed_bytes", sa.BigInteger(), nullable=False, server_default="0"),
)


def upgrade() -> None:
    for column in _NEW:
        op.add_column("vaults", column)


def downgrade() -> None:
    for column in reversed(_NEW):
        op.drop_column("vaults", column.name)
