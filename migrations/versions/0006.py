"""The newest good backup set and capture of each source are found without reading their rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_GOOD = "status = 'completed' AND backup_type != 'pre-restore' AND deleted_at IS NULL"
_CAPTURE = "run_type = 'capture_run'"
_CAPTURED = "run_type = 'capture_run' AND status IN ('succeeded', 'partial', 'failed')"
_NEW = (
    (
        "ix_backup_sets_good",
        "backup_sets",
        ["tenant_id", "source_id", "finished_at", "backup_type", "status", "deleted_at"],
        _GOOD,
    ),
    (
        "ix_runs_captured",
        "runs",
        ["tenant_id", "source_id", "queued_at", "status", "run_type"],
        _CAPTURED,
    ),
    (
        "ix_runs_captured_days",
        "runs",
        ["tenant_id", "finished_at", "status", "run_type"],
        _CAPTURE,
    ),
)


def upgrade() -> None:
    for name, table, columns, where in _NEW:
        op.create_index(
            name,
            table,
            columns,
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    for name, table, _, _ in reversed(_NEW):
        op.drop_index(name, table_name=table)
