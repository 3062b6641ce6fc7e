"""Schedules, bulk operations, notifications, limits, and the views of the original documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Added one by one, not by copying the tables: other tables refer to these rows.
_NEW = (
    ("backup_sets", sa.Column("on_hold", sa.String(), nullable=False, server_default="")),
    ("backup_sets", sa.Column("deleted_by_rule", sa.String(), nullable=False, server_default="")),
    ("backup_sets", sa.Column("purged_at", sa.DateTime(), nullable=True)),
    ("runs", sa.Column("not_before", sa.DateTime(), nullable=True)),
    ("runs", sa.Column("waits_for", sa.String(), nullable=False, server_default="")),
    ("runs", sa.Column("retries", sa.Integer(), nullable=False, server_default="0")),
)

# Exactly the columns of the orchestration document, in its order.
_VIEWS = {
    "restore_runs_v": """
        SELECT r.id, r.tenant_id, x.backup_set_id, r.requested_by, x.is_dry_run, r.status,
            x.requested_items, x.preview, x.results, r.failure_reason, r.started_at,
            r.finished_at AS completed_at, r.metadata
        FROM runs r JOIN restore_runs x ON x.run_id = r.id AND x.tenant_id = r.tenant_id""",
    "bulk_operation_runs_v": """
        SELECT r.id, r.tenant_id, r.user_id, x.resource, x.action, r.status, r.total_items,
            r.processed_items, r.succeeded, r.failed, r.skipped, x.item_ids, x.failures,
            x.audit_log_id, r.idempotency_key, r.started_at, r.finished_at, r.error_code,
            r.error_context
        FROM runs r JOIN bulk_operation_runs x ON x.run_id = r.id AND x.tenant_id = r.tenant_id""",
}


def upgrade() -> None:
    op.create_table(
        "schedule_templates",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_templates")),
        sa.UniqueConstraint("name", name=op.f("uq_schedule_templates_name")),
    )
    op.create_table(
        "alerts",
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_alerts_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_alerts_tenant_id_id"),
    )
    with op.batch_alter_table("alerts") as batch_op:
        batch_op.create_index(
            "uq_alerts_open",
            ["tenant_id", "condition", "subject"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "limits",
        sa.Column("scope", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("most_running", sa.Integer(), nullable=True),
        sa.Column("bytes_per_second", sa.BigInteger(), nullable=True),
        sa.Column("windows", sa.JSON(), nullable=False),
        sa.Column("paused_until", sa.DateTime(), nullable=True),
        sa.Column("pause_reason", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_limits_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limits")),
        sa.UniqueConstraint("scope", "subject", name=op.f("uq_limits_scope_subject")),
    )
    with op.batch_alter_table("limits") as batch_op:
        batch_op.create_index(batch_op.f("ix_limits_tenant_id"), ["tenant_id"], unique=False)

    op.create_table(
        "notification_channels",
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("url_sealed", sa.String(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("digest_sent_for", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_notification_channels_tenant_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_notification_channels_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_channels")),
    )
    with op.batch_alter_table("notification_channels") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_notification_channels_tenant_id"), ["tenant_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_notification_channels_user_id"), ["user_id"], unique=False
        )

    op.create_table(
        "notifications",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_notifications_tenant_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_notifications_tenant_id_id"),
    )
    with op.batch_alter_table("notifications") as batch_op:
        batch_op.create_index(
            "ix_notifications_user", ["user_id", "read_at", "created_at"], unique=False
        )

    op.create_table(
        "usage_samples",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source_count", sa.Integer(), nullable=False),
        sa.Column("set_count", sa.Integer(), nullable=False),
        sa.Column("protected_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("read_bytes", sa.BigInteger(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_usage_samples_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_samples")),
        sa.UniqueConstraint("tenant_id", "day", name=op.f("uq_usage_samples_tenant_id_day")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_usage_samples_tenant_id_id"),
    )
    op.create_table(
        "backup_schedules",
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("template_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("frequency", sa.String(length=24), nullable=False),
        sa.Column("time_of_day", sa.String(), nullable=True),
        sa.Column("days_of_week", sa.JSON(), nullable=False),
        sa.Column("cron", sa.String(), nullable=True),
        sa.Column("backup_type", sa.String(length=24), nullable=False),
        sa.Column("policy_types", sa.JSON(), nullable=False),
        sa.Column("include_foundations", sa.Boolean(), nullable=False),
        sa.Column("retention_keep_last", sa.Integer(), nullable=False),
        sa.Column("retention", sa.JSON(), nullable=False),
        sa.Column("missed", sa.String(length=24), nullable=False),
        sa.Column("paused_until", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("evaluated_until", sa.DateTime(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(), nullable=True),
        sa.Column("last_run_at", sa.DateTime(), nullable=True),
        sa.Column("last_run_status", sa.String(length=24), nullable=True),
        sa.Column("retention_ran_at", sa.DateTime(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("archived_at", sa.DateTime(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["schedule_templates.id"], name=op.f("fk_backup_schedules_template_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source_id"],
            ["sources.tenant_id", "sources.id"],
            name=op.f("fk_backup_schedules_tenant_id_source_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_backup_schedules_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_schedules")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_backup_schedules_tenant_id_id"),
    )
    with op.batch_alter_table("backup_schedules") as batch_op:
        batch_op.create_index(
            "ix_backup_schedules_due",
            ["next_run_at"],
            unique=False,
            sqlite_where=sa.text("is_enabled AND archived_at IS NULL"),
            postgresql_where=sa.text("is_enabled AND archived_at IS NULL"),
        )
        batch_op.create_index(
            "ix_backup_schedules_source", ["tenant_id", "source_id"], unique=False
        )

    op.create_table(
        "channel_messages",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["notification_channels.id"],
            name=op.f("fk_channel_messages_channel_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_channel_messages_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_messages")),
        sa.UniqueConstraint("channel_id", "key", name=op.f("uq_channel_messages_channel_id_key")),
    )
    with op.batch_alter_table("channel_messages") as batch_op:
        batch_op.create_index("ix_channel_messages_state", ["state", "next_try_at"], unique=False)

    op.create_table(
        "bulk_operation_runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("item_ids", sa.JSON(), nullable=False),
        sa.Column("failures", sa.JSON(), nullable=True),
        sa.Column("audit_log_id", sa.Uuid(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_log_id"], ["audit_logs.id"], name=op.f("fk_bulk_operation_runs_audit_log_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id"],
            ["runs.tenant_id", "runs.id"],
            name=op.f("fk_bulk_operation_runs_tenant_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_bulk_operation_runs_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_operation_runs")),
        sa.UniqueConstraint("run_id", name=op.f("uq_bulk_operation_runs_run_id")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_bulk_operation_runs_tenant_id_id"),
    )
    op.create_table(
        "backup_schedule_runs",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(), nullable=False),
        sa.Column("trigger", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("backup_set_id", sa.Uuid(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "backup_set_id"],
            ["backup_sets.tenant_id", "backup_sets.id"],
            name=op.f("fk_backup_schedule_runs_tenant_id_backup_set_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id"],
            ["runs.tenant_id", "runs.id"],
            name=op.f("fk_backup_schedule_runs_tenant_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "schedule_id"],
            ["backup_schedules.tenant_id", "backup_schedules.id"],
            name=op.f("fk_backup_schedule_runs_tenant_id_schedule_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_backup_schedule_runs_tenant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_schedule_runs")),
        sa.UniqueConstraint(
            "schedule_id",
            "scheduled_for",
            name=op.f("uq_backup_schedule_runs_schedule_id_scheduled_for"),
        ),
        sa.UniqueConstraint("tenant_id", "id", name="uq_backup_schedule_runs_tenant_id_id"),
    )
    with op.batch_alter_table("backup_schedule_runs") as batch_op:
        batch_op.create_index("ix_backup_schedule_runs_run", ["run_id"], unique=False)

    for table, column in _NEW:
        op.add_column(table, column)
    for name, select in _VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {select}")


def downgrade() -> None:
    for name in _VIEWS:
        op.execute(f"DROP VIEW {name}")
    for table, column in _NEW:
        op.drop_column(table, column.name)
    with op.batch_alter_table("backup_schedule_runs") as batch_op:
        batch_op.drop_index("ix_backup_schedule_runs_run")

    op.drop_table("backup_schedule_runs")
    op.drop_table("bulk_operation_runs")
    with op.batch_alter_table("channel_messages") as batch_op:
        batch_op.drop_index("ix_channel_messages_state")

    op.drop_table("channel_messages")
    with op.batch_alter_table("backup_schedules") as batch_op:
        batch_op.drop_index("ix_backup_schedules_source")
        batch_op.drop_index(
            "ix_backup_schedules_due",
            sqlite_where=sa.text("is_enabled AND archived_at IS NULL"),
            postgresql_where=sa.text("is_enabled AND archived_at IS NULL"),
        )

    op.drop_table("backup_schedules")
    op.drop_table("usage_samples")
    with op.batch_alter_table("notifications") as batch_op:
        batch_op.drop_index("ix_notifications_user")

    op.drop_table("notifications")
    with op.batch_alter_table("notification_channels") as batch_op:
        batch_op.drop_index(batch_op.f("ix_notification_channels_user_id"))
        batch_op.drop_index(batch_op.f("ix_notification_channels_tenant_id"))

    op.drop_table("notification_channels")
    with op.batch_alter_table("limits") as batch_op:
        batch_op.drop_index(batch_op.f("ix_limits_tenant_id"))

    op.drop_table("limits")
    with op.batch_alter_table("alerts") as batch_op:
        batch_op.drop_index(
            "uq_alerts_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.drop_table("alerts")
    op.drop_table("schedule_templates")
