"""Things of Acme's that pages can show: a source, its runs, restore points and a plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from webapp import clock
from webapp.domain.plans import PlanState
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import (
    BackupItem,
    BackupSet,
    PlanItem,
    RestorePlan,
    RestoreRun,
    Run,
    RunEvent,
    RunItem,
    Source,
    Tenant,
)
from webapp.models.columns import new_id


@dataclass(frozen=True)
class Things:
    """Ids, so that no row outlives its session."""

    source: UUID
    done_run: UUID
    live_run: UUID
    failed_run: UUID
    backup_set: UUID
    plan: UUID
    plan_item: UUID


@pytest.fixture
def things(app: Flask, people: dict[str, str]) -> Things:
    with app.app_context():
        tenant = db.session.scalars(select(Tenant).where(Tenant.slug == "acme")).one()
        source = _add(
            Source(tenant_id=tenant.id, kind="files", name="Documents", created_at=clock.now(),
                   config={"path": f"{tenant.granted_roots[0]}/docs"})
        )  # fmt: skip
        done = _run(source, RunState.SUCCEEDED, deciding_rule="Everything expected was done.")
        live = _run(source, RunState.RUNNING, phase="reading", total_items=10, processed_items=4)
        failed = _run(source, RunState.FAILED, failure_reason="The disk is gone.", failed=1)
        _note(live, failed)
        backup_set = _set(source, done)
        plan, item = _plan(backup_set)
        db.session.commit()
        return Things(
            source.id, done.id, live.id, failed.id, backup_set.id, plan.id, item.id
        )  # fmt: skip


def _add(row):
    row.id = new_id()
    db.session.add(row)
    db.session.flush()
    return row


def _run(source: Source, state: RunState, *, run_type=RunType.CAPTURE, **columns) -> Run:
    now = clock.now()
    return _add(
        Run(
            tenant_id=source.tenant_id, source_id=source.id, run_type=run_type, status=state,
            action="preview" if run_type is RunType.PREVIEW else "capture",
            idempotency_key=str(new_id()), requested_by="olga@example.com", attempt=1,
            queued_at=now - timedelta(seconds=20), started_at=now - timedelta(seconds=19),
            finished_at=now if state.is_final else None, **columns,
        )
    )  # fmt: skip


def _note(live: Run, failed: Run) -> None:
    for seq, message in enumerate(("Begins.", "Half way."), 1):
        _add(
            RunEvent(tenant_id=live.tenant_id, run_id=live.id, seq=seq, at=clock.now(),
                     message=message)
        )  # fmt: skip
    _add(
        RunItem(tenant_id=failed.tenant_id, run_id=failed.id, item_key="tree:lost.txt",
                outcome="failed", reason_code="read_error", message="The disk reported an error.")
    )  # fmt: skip


def _set(source: Source, run: Run) -> BackupSet:
    now = clock.now()
    backup_set = _add(
        BackupSet(
            tenant_id=source.tenant_id, source_id=source.id, run_id=run.id, name="Documents now",
            backup_type=BackupType.FULL, status=SetStatus.COMPLETED, started_at=now,
            finished_at=now, item_count=1, total_size=1000, stored_size=400, snapshot_ids=["ab"],
        )
    )  # fmt: skip
    _add(
        BackupItem(tenant_id=source.tenant_id, backup_set_id=backup_set.id, item_key="tree:",
                   item_type="tree", name="Files", snapshot_path="tree", size=1000, file_count=3)
    )  # fmt: skip
    return backup_set


def _plan(backup_set: BackupSet) -> tuple[RestorePlan, PlanItem]:
    source = db.session.get_one(Source, backup_set.source_id)
    run = _run(source, RunState.SUCCEEDED, run_type=RunType.PREVIEW)
    now = clock.now()
    plan = _add(
        RestorePlan(
            tenant_id=source.tenant_id, backup_set_id=backup_set.id, run_id=run.id,
            target_source_id=source.id, state=PlanState.READY, digest="d1" * 32,
            counts={"create": 1, "replace": 1, "blocked": 0, "unchanged": 7},
            checks=[{"level": "ok", "message": "The restore point is sound.", "code": ""}],
            created_at=now, ready_at=now, expires_at=now + timedelta(hours=24),
            previewed_by="pete@example.com",
        )
    )  # fmt: skip
    common = {"tenant_id": source.tenant_id, "plan_id": plan.id, "kind": "file"}
    _add(PlanItem(position=0, item_key="tree:new.txt", action="create", size_after=5, **common))
    item = _add(
        PlanItem(position=1, item_key="tree:index.html", action="replace", size_before=9,
                 size_after=5, reason="Its content differs.", **common)
    )  # fmt: skip
    _add(
        RestoreRun(tenant_id=source.tenant_id, run_id=run.id, backup_set_id=backup_set.id,
                   plan_id=plan.id, is_dry_run=True)
    )  # fmt: skip
    return plan, item
