"""Rows, inserted directly: one of everything that an address can name, for one tenant."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain.acts import VALID, Act
from webapp.domain.permissions import Role
from webapp.domain.plans import PlanState
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import Frequency, SlotStatus
from webapp.extensions import db
from webapp.models import (
    ActRequest,
    BackupItem,
    BackupSchedule,
    BackupScheduleRun,
    BackupSet,
    BulkOperationRun,
    Channel,
    Membership,
    PlanItem,
    RestorePlan,
    RestoreRun,
    Run,
    RunEvent,
    RunItem,
    ScheduleTemplate,
    Source,
    Tenant,
    User,
)
from webapp.models.columns import new_id
from webapp.services import installation
from webapp.services.second_person import asking


def tenant_called(slug: str) -> Tenant:
    return db.session.scalars(select(Tenant).where(Tenant.slug == slug)).one()


def user_called(name: str) -> User:
    return db.session.scalars(select(User).where(User.email == f"{name}@example.com")).one()


def member(tenant: Tenant, *, role: Role = Role.VIEWER, email: str = "") -> Membership:
    """A person nobody else knows, with a role in *tenant*."""
    user = User(email=email or f"{secrets.token_hex(6)}@example.com", created_at=clock.now())
    db.session.add(user)
    db.session.flush()
    made = Membership(tenant_id=tenant.id, user_id=user.id, role=role)
    db.session.add(made)
    db.session.flush()
    return made


def source(tenant: Tenant, **facts: object) -> Source:
    made = Source(
        **{
            "tenant_id": tenant.id,
            "kind": "files",
            "name": f"site-{secrets.token_hex(4)}",
            "config": {"path": tenant.granted_roots[0] if tenant.granted_roots else "/srv/x"},
            "created_at": clock.now(),
            **facts,
        }
    )
    db.session.add(made)
    db.session.flush()
    return made


def run(of: Source, **facts: object) -> Run:
    """A capture that succeeded a minute ago, unless *facts* say otherwise."""
    at = clock.now() - timedelta(minutes=1)
    made = Run(
        **{
            "tenant_id": of.tenant_id,
            "source_id": of.id,
            "run_type": RunType.CAPTURE,
            "action": "capture",
            "status": RunState.SUCCEEDED,
            "idempotency_key": secrets.token_hex(8),
            "requested_by": "alice@example.com",
            "queued_at": at,
            "started_at": at,
            "finished_at": at,
            **facts,
        }
    )
    db.session.add(made)
    db.session.flush()
    return made


def backup_set(of: Run, **facts: object) -> BackupSet:
    assert of.source_id is not None
    made = BackupSet(
        **{
            "tenant_id": of.tenant_id,
            "source_id": of.source_id,
            "run_id": of.id,
            "name": "set",
            "backup_type": BackupType.FULL,
            "status": SetStatus.COMPLETED,
            "snapshot_ids": ["00" * 16],
            "started_at": of.queued_at,
            "finished_at": of.queued_at,
            **facts,
        }
    )
    db.session.add(made)
    db.session.flush()
    item = BackupItem(
        tenant_id=of.tenant_id,
        backup_set_id=made.id,
        item_key="tree:",
        item_type="tree",
        name="tree",
        snapshot_path="tree",
    )
    db.session.add(item)
    db.session.flush()
    return made


def slot(of: BackupSchedule, by: Run, **facts: object) -> BackupScheduleRun:
    """A slot that *by* took care of and that went well."""
    made = BackupScheduleRun(
        **{
            "tenant_id": of.tenant_id,
            "schedule_id": of.id,
            "scheduled_for": by.queued_at,
            "run_id": by.id,
            "status": SlotStatus.SUCCESS,
            "started_at": by.queued_at,
            "finished_at": by.finished_at,
            **facts,
        }
    )
    db.session.add(made)
    db.session.flush()
    return made


def channel(tenant: Tenant) -> Channel:
    """A web hook of a tenant's, without rules that let anything out."""
    made = Channel(
        tenant_id=tenant.id,
        name="Hook",
        kind="json",
        url_sealed="",
        rules={"failures": "never", "alerts": "never", "digest": "never", "digest_at": "07:00"},
        created_at=clock.now(),
    )
    db.session.add(made)
    db.session.flush()
    made.url_sealed = installation.seal("https://hooks.example.com/x", purpose=f"channel:{made.id}")
    return made


def plan(of: BackupSet, **facts: object) -> RestorePlan:
    """A plan that is ready, with one item, made by a preview run."""
    preview = Run(
        tenant_id=of.tenant_id,
        source_id=of.source_id,
        run_type=RunType.PREVIEW,
        action="preview",
        status=RunState.SUCCEEDED,
        idempotency_key=secrets.token_hex(8),
        requested_by="alice@example.com",
        queued_at=clock.now(),
        finished_at=clock.now(),
    )
    db.session.add(preview)
    db.session.flush()
    made = RestorePlan(
        **{
            "tenant_id": of.tenant_id,
            "backup_set_id": of.id,
            "run_id": preview.id,
            "target_source_id": of.source_id,
            "state": PlanState.READY,
            "digest": "0" * 64,
            "counts": {"create": 1, "unchanged": 0},
            "created_at": clock.now(),
            "ready_at": clock.now(),
            "expires_at": clock.now() + timedelta(hours=24),
            "previewed_by": "alice@example.com",
            **facts,
        }
    )
    db.session.add(made)
    db.session.flush()
    return made


def schedule(of: Source, **facts: object) -> BackupSchedule:
    """A nightly schedule that is on."""
    at = clock.now()
    made = BackupSchedule(
        **{
            "tenant_id": of.tenant_id,
            "source_id": of.id,
            "name": "Nightly",
            "frequency": Frequency.DAILY,
            "time_of_day": "02:30",
            "evaluated_until": at,
            "next_run_at": at + timedelta(hours=1),
            "created_at": at,
            **facts,
        }
    )
    db.session.add(made)
    db.session.flush()
    return made


def bulk_run(of: Source) -> Run:
    """A capture of many sources, here of one, that has ended."""
    made = run(
        of, run_type=RunType.BULK, source_id=None, total_items=1, metadata_={"resource": "source"}
    )
    link = BulkOperationRun(
        tenant_id=of.tenant_id,
        run_id=made.id,
        resource="source",
        action="capture",
        item_ids=[str(of.id)],
    )
    db.session.add(link)
    db.session.flush()
    return made


def act_request(of: BackupSet, *, by: Membership, **facts: object) -> ActRequest:
    """The deletion of a set, which somebody asked for."""
    made = ActRequest(
        **{
            "id": new_id(),
            "tenant_id": of.tenant_id,
            "act": Act.DELETE_SET,
            "subject": f"set:{of.id}",
            "subject_name": of.name,
            "subject_state": "pinned False, held ''",
            "parameters": {"reason": "no longer needed"},
            "lines": ["It goes to the trash. For 7 days it can be brought back."],
            "requested_by": by.user.email,
            "requested_by_id": by.user_id,
            "requested_login": "",
            "requested_at": clock.now(),
            "expires_at": clock.now() + VALID,
            "reason": "no longer needed",
            **facts,
        }
    )
    made.digest = asking.digest_of(made)
    db.session.add(made)
    db.session.commit()
    return made


def _scheduled(of: Source, capture: Run) -> dict[str, UUID]:
    """A schedule with one slot that failed, and a template."""
    nightly = schedule(of)
    slot = BackupScheduleRun(
        tenant_id=of.tenant_id,
        schedule_id=nightly.id,
        scheduled_for=clock.now().replace(second=0, microsecond=0),
        status=SlotStatus.FAILED,
        run_id=capture.id,
        started_at=clock.now(),
        finished_at=clock.now(),
    )
    template = ScheduleTemplate(
        name=f"template-{secrets.token_hex(4)}",
        definition={"frequency": "daily", "timezone": "", "time_of_day": "02:30"},
        created_at=clock.now(),
    )
    db.session.add_all((slot, template))
    db.session.commit()
    return {"schedule_id": nightly.id, "slot_id": slot.id, "template_id": template.id}


@dataclass(frozen=True)
class World:
    """One of everything in one tenant, by the names that addresses give to parameters."""

    ids: dict[str, UUID]


def world(slug: str) -> World:
    """Fill the tenant called *slug* with one more of everything; commits."""
    tenant = tenant_called(slug)
    of = source(tenant)
    capture = run(of)
    point = backup_set(capture)
    made = plan(point)
    item = PlanItem(
        tenant_id=tenant.id, plan_id=made.id, position=1, item_key="tree:a", action="create"
    )
    extras = (
        item,
        RunItem(tenant_id=tenant.id, run_id=capture.id, item_key="tree:", outcome="succeeded"),
        RunEvent(tenant_id=tenant.id, run_id=capture.id, seq=1, at=clock.now(), message="begun"),
        RestoreRun(
            tenant_id=tenant.id,
            run_id=made.run_id,
            backup_set_id=point.id,
            plan_id=made.id,
            is_dry_run=True,
        ),
    )
    db.session.add_all(extras)
    trashed = backup_set(run(of), deleted_at=clock.now(), deleted_by_rule="No rule keeps it.")
    person = member(tenant)
    many = bulk_run(of)
    person, hook = member(tenant), channel(tenant)
    db.session.commit()
    return World(
        {
            "source_id": of.id,
            "run_id": capture.id,
            "bulk_run_id": many.id,
            "set_id": point.id,
            "trashed_id": trashed.id,
            "plan_id": made.id,
            "item_id": item.id,
            "plan_item_id": item.id,
            "member_id": person.id,
            "user_id": person.user_id,
            **_scheduled(of, capture),
            "channel_id": hook.id,
            "request_id": act_request(point, by=member(tenant, role=Role.MANAGER)).id,
        }
    )
