"""What applying a template to sources would do, before anything is done. Reads only.

The digest covers each source with what would happen to it: whoever applies a template names the
digest of what they looked at, and nothing else is carried out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain import lowering
from webapp.domain.actors import Actor
from webapp.domain.acts import Act
from webapp.domain.schedules import Draft, problems
from webapp.extensions import db
from webapp.models import BackupSchedule, ScheduleTemplate, Source, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import schedule_templates as templates
from webapp.services import schedules
from webapp.services.second_person import asking

_LACKS = {"files": "db", "sqlite": "files"}  # the part that a kind of source does not have
_AT_ONCE = 500  # ids in one query


class Outcome(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What would become of one source.

    Attributes:
        reason: why it is blocked; empty otherwise.
        changes: field to what the schedule says now, and what it would say.
        schedule: the one that would be changed, or that is as the template says already.
        waits: it would keep less, and its tenant demands two people for that.
    """

    source: Source
    tenant: Tenant
    outcome: Outcome
    reason: str = ""
    changes: dict[str, tuple[Any, Any]]
    schedule: BackupSchedule | None = None
    waits: bool = False

    @property
    def is_to_do(self) -> bool:
        return self.outcome in {Outcome.CREATE, Outcome.UPDATE}


@dataclass(frozen=True, kw_only=True)
class Preview:
    """All of it, by tenant and source. *missing*: ids of which there is no source."""

    template: ScheduleTemplate
    planned: list[Planned]
    missing: int

    @property
    def digest(self) -> str:
        return digest_of(self.template, self.planned)

    def count(self, outcome: str) -> int:
        return sum(one.outcome == outcome for one in self.planned)

    @property
    def to_do(self) -> list[Planned]:
        return [one for one in self.planned if one.is_to_do]


def of(actor: Actor, template: ScheduleTemplate, source_ids: Collection[UUID]) -> Preview:
    """Preview a template on sources of any tenants. A few queries, however many there are.

    Raises:
        Forbidden: the actor is no MSP admin.
    """
    gate.require_msp_admin(actor)
    tenants = {tenant.id: tenant for tenant in gate.tenants_of(actor)}
    found = [source for source in _sources(source_ids) if source.tenant_id in tenants]
    present = _schedules([source.id for source in found])
    planned = [
        of_source(template, source, tenants[source.tenant_id], present.get(source.id, ()))
        for source in found
    ]
    planned.sort(key=lambda one: (one.tenant.name, one.source.name, str(one.source.id)))
    return Preview(template=template, planned=planned, missing=len(set(source_ids)) - len(found))


def of_source(
    template: ScheduleTemplate, source: Source, tenant: Tenant, present: Iterable[BackupSchedule]
) -> Planned:
    """What would become of one source, by the schedules in use that it has at *present*."""
    present = list(present)
    draft = templates.in_zone_of(templates.draft_of(template), tenant)
    own = next((one for one in present if one.template_id == template.id), None)
    others = {one.name for one in present if one is not own}
    reason = _why_not(draft, source, tenant) or _name_taken(draft, others)
    if reason:
        return _planned(source, tenant, Outcome.BLOCKED, reason=reason, schedule=own)
    if own is None:
        return _planned(source, tenant, Outcome.CREATE)
    changes = templates.differences(template, own, tenant)
    outcome = Outcome.UPDATE if changes else Outcome.UNCHANGED
    waits = bool(changes) and _takes_two(tenant, own, draft)
    return _planned(source, tenant, outcome, schedule=own, changes=changes, waits=waits)


def _takes_two(tenant: Tenant, schedule: BackupSchedule, draft: Draft) -> bool:
    if not asking.is_demanded(tenant, Act.CHANGE_SCHEDULE):
        return False
    return bool(lowering.of_schedule(schedules.draft_of(schedule), draft, at=clock.now()))


def _planned(source: Source, tenant: Tenant, outcome: Outcome, **facts: Any) -> Planned:
    return Planned(source=source, tenant=tenant, outcome=outcome, **{"changes": {}, **facts})


def _why_not(draft: Draft, source: Source, tenant: Tenant) -> str:
    if source.removed_at is not None:
        return "It was removed."
    if tenant.status is not TenantStatus.ACTIVE:
        return f"{tenant.name} is {tenant.status}."
    if _LACKS.get(source.kind) == draft.backup_type:
        return "It has no such part to capture alone."
    return " ".join(problems(draft).values())


def _name_taken(draft: Draft, others: Collection[str]) -> str:
    if draft.name not in others:
        return ""
    return (
        f"It has a schedule named {draft.name} that is not from this template."
        " Archive or rename that one first."
    )


def _sources(ids: Collection[UUID]) -> list[Source]:
    wanted = sorted(set(ids))
    return [
        source
        for start in range(0, len(wanted), _AT_ONCE)
        for source in db.session.scalars(
            select(Source).where(Source.id.in_(wanted[start : start + _AT_ONCE]))
        )
    ]


def _schedules(source_ids: Sequence[UUID]) -> dict[UUID, list[BackupSchedule]]:
    """The schedules in use of these sources."""
    found: dict[UUID, list[BackupSchedule]] = {}
    for start in range(0, len(source_ids), _AT_ONCE):
        query = select(BackupSchedule).where(
            BackupSchedule.source_id.in_(source_ids[start : start + _AT_ONCE]),
            BackupSchedule.archived_at.is_(None),
        )
        for schedule in db.session.scalars(query.order_by(BackupSchedule.id)):
            found.setdefault(schedule.source_id, []).append(schedule)
    return found


def present_at(source: Source) -> list[BackupSchedule]:
    """The schedules in use of one source."""
    return _schedules([source.id]).get(source.id, [])


def _told(one: Planned) -> list[object]:
    schedule = one.schedule
    known = [str(schedule.id), schedule.version] if schedule else []
    return [str(one.source.id), one.outcome, one.reason, *known, sorted(one.changes.items())]


def digest_of(template: ScheduleTemplate, planned: Iterable[Planned]) -> str:
    facts = [str(template.id), template.version, *map(_told, planned)]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()
