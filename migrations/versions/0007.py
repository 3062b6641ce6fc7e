"""Lists of a hundred thousand runs and sets, and polls, are answered by indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# name, table, columns, the rows that it holds
_NEW = (
    ("ix_runs_tenant_queued", "runs", ["tenant_id", "queued_at", "id"], None),
    ("ix_runs_tenant_status", "runs", ["tenant_id", "status", "queued_at", "id"], None),
    ("ix_runs_status_queued", "runs", ["status", "queued_at", "id"], None),
    ("ix_runs_queued", "runs", ["queued_at", "id"], None),
    (
        "ix_runs_restores",
        "runs",
        ["tenant_id", "queued_at", "id"],
        "run_type = 'restore_run'",
    ),
    (
        "ix_runs_bulk",
        "runs",
        ["tenant_id", "queued_at", "id"],
        "run_type = 'bulk_operation_run'",
    ),
    ("ix_runs_parent", "runs", ["tenant_id", "parent_run_id"], "parent_run_id IS NOT NULL"),
    ("ix_run_items_run", "run_items", ["tenant_id", "run_id", "position"], None),
    (
        "ix_backup_sets_source",
        "backup_sets",
        [
            "tenant_id",
            "source_id",
            "finished_at",
            "deleted_at",
            "status",
            "backup_type",
            "stored_size",
        ],
        None,
    ),
    (
        "ix_backup_sets_living",
        "backup_sets",
        ["tenant_id", "finished_at", "id"],
        "deleted_at IS NULL",
    ),
    (
        "ix_backup_sets_trash",
        "backup_sets",
        ["tenant_id", "deleted_at"],
        "deleted_at IS NOT NULL AND purged_at IS NULL",
    ),
    ("ix_backup_schedule_runs_set", "backup_schedule_runs", ["backup_set_id"], None),
    ("ix_restore_plans_newest", "restore_plans", ["tenant_id", "created_at", "id"], None),
    ("ix_restore_plans_run", "restore_plans", ["run_id"], None),
    ("ix_restore_plans_undo", "restore_plans", ["undo_of_run_id"], None),
    ("ix_restore_runs_plan", "restore_runs", ["plan_id"], None),
    ("ix_audit_logs_action", "audit_logs", ["chain", "action", "seq"], None),
    ("ix_notifications_newest", "notifications", ["user_id", "created_at", "id"], None),
    ("ix_notifications_run", "notifications", ["user_id", "run_id"], None),
)
_OLD = (
    ("ix_runs_tenant_queued", "runs", ["tenant_id", "queued_at"]),
    ("ix_runs_status_lease", "runs", ["status", "lease_until"]),
    ("ix_backup_sets_source", "backup_sets", ["tenant_id", "source_id", "finished_at"]),
)
_NAMES_ITS_RUN = {
    "sqlite": "UPDATE notifications"
    " SET run_id = replace(json_extract(payload, '$.run_id'), '-', '')"
    " WHERE type = 'run_status'",
    "postgresql": "UPDATE notifications SET run_id = CAST(payload ->> 'run_id' AS uuid)"
    " WHERE type = 'run_status'",
}


def upgrade() -> None:
    op.add_column("notifications", sa.Column("run_id", sa.Uuid(), nullable=True))
    op.execute(_NAMES_ITS_RUN[op.get_bind().dialect.name])
    for name, table, _ in _OLD:
        op.drop_index(name, table_name=table)
    for name, table, columns, only in _NEW:
        where = sa.text(only) if only else None
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, table, _, _ in reversed(_NEW):
        op.drop_index(name, table_name=table)
    for name, table, columns in _OLD:
        op.create_index(name, table, columns)
    op.drop_column("notifications", "run_id")
