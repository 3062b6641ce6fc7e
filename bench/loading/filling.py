"""Writes a past into a database: customers and people first, then what happened to them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from bench.loading import chains, installations, outcomes, tables
from bench.loading.past import Done, Past, Protected, Row, Size
from webapp import clock
from webapp.domain.permissions import Role
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import Frequency
from webapp.extensions import Model, db
from webapp.models import (
    BackupItem,
    BackupSchedule,
    BackupScheduleRun,
    BackupSet,
    BulkOperationRun,
    Membership,
    Notification,
    RestorePlan,
    RestoreRun,
    Run,
    RunEvent,
    RunItem,
    Source,
    Tenant,
    User,
    VaultRecord,
)

SHOWN_UP = timedelta(days=400)
_QUEUED, _RUNNING = 300, 20


@dataclass(frozen=True)
class People:
    """Who looks: the MSP's admin; an operator of all customers; the manager of the largest one, and
    of a small one. Their ids, as 32 digits."""

    root: str
    olga: str
    clara: str
    sam: str


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What a bench needs to know of what there is now."""

    people: People
    rows: dict[str, int]
    seconds: float
    big: str  # slug of the customer with most of it
    small: str
    source_id: str  # of the big one, with the most sets
    restore_id: str  # the run with the most items
    live_id: str  # a run under way


def fill(size: Size, *, now: datetime | None = None) -> Filled:
    """Make the past in the database of the current app. What is there already stays."""
    began, now = time.monotonic(), now or clock.now()
    past = Past(size, now)
    people = _people(past)
    runs = past.runs()
    live = _live(past)
    rows = {
        model.__tablename__: tables.insert(model, made)
        for model, made in _everything(past, people, runs, live)
    }
    rows["audit_logs"] = chains.write(runs)
    installations.settle()
    big, small = past.tenants[0], past.tenants[-1]
    restores = [run for run in runs if run.run_type is RunType.RESTORE]
    return Filled(
        people=people, rows=rows, seconds=round(time.monotonic() - began, 1),
        big=big.slug, small=small.slug, source_id=past.sources[0].id,
        restore_id=max(restores, key=lambda run: run.items).id, live_id=live[0]["id"],
    )  # fmt: skip


def person_called(name: str) -> User:
    return db.session.scalars(select(User).where(User.email == f"{name}@example.com")).one()


def _everything(
    past: Past, people: People, runs: list[Done], live: list[Row]
) -> Iterator[tuple[type[Model], Iterable[Any]]]:
    """Each table with its rows, those first that others refer to."""
    draw = outcomes.Outcomes(past, people.olga)
    captures = [run for run in runs if run.run_type is RunType.CAPTURE]
    restores = [run for run in runs if run.run_type is RunType.RESTORE]
    points = [run for run in captures if run.set_id]
    of_source = {run.of.id: run for run in points}
    plans = {
        run.id: draw.plan(run, of_source[run.of.id]) for run in restores if run.of.id in of_source
    }
    yield Run, (draw.run(run) for run in runs)
    yield Run, live
    yield Run, (plan.preview for plan in plans.values())
    yield RunItem, (item for run in runs for item in draw.items(run))
    yield RunEvent, (line for run in runs for line in draw.events(run))
    yield BackupSet, (draw.backup_set(run) for run in points)
    yield BackupItem, (draw.backup_item(run) for run in points)
    yield BackupScheduleRun, (draw.slot(run) for run in captures)
    yield RestorePlan, (plan.plan for plan in plans.values())
    yield RestoreRun, (row for plan in plans.values() for row in plan.links)
    bulk = [run for run in runs if run.run_type is RunType.BULK]
    yield BulkOperationRun, (draw.bulk(run) for run in bulk)
    yield Notification, draw.notifications(runs, (people.root, people.olga))


def _people(past: Past) -> People:
    """Customers with their sources, schedules, vaults and people."""
    made = past.now - SHOWN_UP
    ids = {name: past.ident(made) for name in ("root", "olga", "clara", "sam")}
    tables.insert(
        User,
        (
            {"id": id_, "email": f"{name}@example.com", "name": name.capitalize(),
             "is_msp_admin": name == "root", "created_at": made}
            for name, id_ in ids.items()
        ),
    )  # fmt: skip
    tables.insert(
        Tenant, ({**_named(t), "granted_roots": ["/srv"], "created_at": made} for t in past.tenants)
    )
    roles = [(tenant.id, "olga", Role.OPERATOR) for tenant in past.tenants]
    roles += [
        (past.tenants[0].id, "clara", Role.MANAGER),
        (past.tenants[-1].id, "sam", Role.MANAGER),
    ]
    tables.insert(
        Membership,
        (
            {
                "id": past.ident(made),
                "tenant_id": tenant_id,
                "user_id": ids[name],
                "role": role.value,
            }
            for tenant_id, name, role in roles
        ),
    )
    tables.insert(VaultRecord, (_vault(past, tenant.id, made) for tenant in past.tenants))
    tables.insert(Source, (_source(one, made) for one in past.sources))
    tables.insert(BackupSchedule, (_schedule(past, one, made) for one in past.sources))
    return People(**ids)


def _named(tenant: Any) -> Row:
    return {"id": tenant.id, "slug": tenant.slug, "name": tenant.name, "timezone": tenant.timezone}


def _vault(past: Past, tenant_id: str, made: datetime) -> Row:
    return {
        "id": past.ident(made), "tenant_id": tenant_id, "location": tenant_id,
        "vault_id": past.ident(made), "stored_bytes": past.draw.randrange(1 << 40),
        "created_at": made, "retention_asked_at": past.now, "retention_ran_at": past.now,
    }  # fmt: skip


def _source(one: Protected, made: datetime) -> Row:
    return {
        "id": one.id, "tenant_id": one.tenant.id, "kind": one.kind, "name": one.name,
        "host": one.host, "config": {"path": one.path}, "created_at": made,
        "checked_at": made, "check_status": "ok",
        "check_findings": [{"level": "ok", "message": "It can be read.", "code": ""}],
    }  # fmt: skip


def _schedule(past: Past, one: Protected, made: datetime) -> Row:
    return {
        "id": one.schedule, "tenant_id": one.tenant.id, "source_id": one.id, "name": "Nightly",
        "timezone": one.tenant.timezone, "frequency": Frequency.DAILY.value,
        "time_of_day": f"{one.minute // 60:02}:{one.minute % 60:02}",
        "backup_type": BackupType.FULL.value, "evaluated_until": past.now,
        "next_run_at": past.now + timedelta(minutes=one.minute), "last_run_at": past.now,
        "last_run_status": "success", "retention_ran_at": past.now, "created_at": made,
        "created_by": "olga@example.com",
    }  # fmt: skip


def _at_work(past: Past) -> list[tuple[Protected, bool]]:
    """Sources with something under way, and whether it runs or waits; some of each of the largest
    and of the small customer, however few there are."""
    watched = (past.tenants[0], past.tenants[-1])
    first = [[one for one in past.sources if one.tenant is tenant][:2] for tenant in watched]
    found = [(source, not number) for pair in first for number, source in enumerate(pair)]
    others = [one for one in past.sources if all(one is not known for known, _ in found)]
    found += [(source, True) for source in others[:_RUNNING]]
    return found + [(source, False) for source in others[_RUNNING : _RUNNING + _QUEUED]]


def _live(past: Past) -> list[Row]:
    """Runs under way, and more that wait for a worker; the first is of the big customer."""
    found = []
    for number, (source, is_running) in enumerate(_at_work(past)):
        at = past.now - timedelta(seconds=600 - number)
        found.append(
            {
                "id": past.ident(at), "tenant_id": source.tenant.id, "source_id": source.id,
                "run_type": RunType.CAPTURE.value, "action": "capture",
                "status": (RunState.RUNNING if is_running else RunState.QUEUED).value,
                "idempotency_key": f"capture:{UUID(source.id)}:full", "queued_at": at,
                "requested_by": "olga@example.com", "attempt": int(is_running),
                "started_at": at if is_running else None, "phase": "reading" if is_running else "",
                "lease_until": past.now + timedelta(days=1) if is_running else None,
                "total_items": 4000, "processed_items": 1234 if is_running else 0,
                "succeeded": 1234 if is_running else 0, "read_bytes": 73 << 20,
                "metadata": {"backup_type": "full", "explanation": ""},
            }
        )  # fmt: skip
    return found
