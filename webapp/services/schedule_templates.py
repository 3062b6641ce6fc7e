"""Templates: a schedule and its retention, written once by MSP admins for many sources.

A template changes nothing by itself: it is applied to sources (``template_previews`` says what
that would do, ``template_work`` does it). A schedule made by it can be edited like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.schedules import Draft, problems
from webapp.errors import Conflict, Invalid, NotFound
from webapp.extensions import db
from webapp.models import BackupSchedule, ScheduleTemplate, Tenant
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import audit

_MOST_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class TemplateRow:
    """A template with how many schedules in use were made by it, in how many tenants."""

    template: ScheduleTemplate
    draft: Draft
    schedules: int
    tenants: int


@dataclass(frozen=True, kw_only=True)
class Made:
    """A schedule that was made by a template. *differs*: it says something else by now."""

    schedule: BackupSchedule
    tenant: Tenant
    differs: bool


def rows(actor: Actor) -> list[TemplateRow]:
    """Every template by name. Two queries."""
    gate.require_msp_admin(actor)
    counted = {
        template_id: (schedules, tenants)
        for template_id, schedules, tenants in db.session.execute(
            select(
                BackupSchedule.template_id,
                func.count(),
                func.count(BackupSchedule.tenant_id.distinct()),
            )
            .where(BackupSchedule.template_id.is_not(None), BackupSchedule.archived_at.is_(None))
            .group_by(BackupSchedule.template_id)
        )
    }
    templates = db.session.scalars(select(ScheduleTemplate).order_by(ScheduleTemplate.name))
    return [_row(template, counted.get(template.id, (0, 0))) for template in templates]


def find(actor: Actor, template_id: UUID) -> ScheduleTemplate:
    """Raises:
    Forbidden: the actor is no MSP admin.
    NotFound: there is none with that id.
    """
    gate.require_msp_admin(actor)
    template = db.session.get(ScheduleTemplate, template_id)
    if template is None:
        raise NotFound("There is no such template.")
    return template


def draft_of(template: ScheduleTemplate) -> Draft:
    """What it says. An empty zone is each customer's own."""
    pairs = template.definition.items()
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in pairs}
    return Draft(name=template.name, **values)


def in_zone_of(draft: Draft, tenant: Tenant) -> Draft:
    """A template's draft as it applies to a tenant."""
    return replace(draft, timezone=draft.timezone or tenant.timezone)


def add(actor: Actor, draft: Draft) -> ScheduleTemplate:
    """Write a new template down; commits.

    Raises:
        Forbidden: the actor is no MSP admin.
        Invalid: a sentence for each field that cannot be used; the name is taken.
    """
    gate.require_msp_admin(actor)
    _require_usable(draft)
    template = ScheduleTemplate(
        id=new_id(), name=draft.name.strip(), definition=_definition(draft), created_at=clock.now()
    )
    db.session.add(template)
    _save(actor, template, "added", {"definition": _definition(draft)})
    return template


def edit(actor: Actor, template_id: UUID, draft: Draft, *, version: int) -> ScheduleTemplate:
    """Change a template; commits. Schedules made by it stay as they are until it is applied.

    Raises:
        Conflict: somebody else changed it since *version*.
        Invalid: as with ``add``.
    """
    template = find(actor, template_id)
    db.session.refresh(template, with_for_update=True)
    if template.version != version:
        raise Conflict("Somebody else changed this template meanwhile. Look at it, and edit again.")
    _require_usable(draft)
    before = {"name": template.name, **template.definition}
    template.name, template.definition = draft.name.strip(), _definition(draft)
    template.version += 1
    after = {"name": template.name, **template.definition}
    changed = [name for name in after if after[name] != before.get(name)]
    details = {
        "before": {name: before.get(name) for name in changed},
        "after": {name: after[name] for name in changed},
    }
    _save(actor, template, "changed", details)
    return template


def remove(actor: Actor, template_id: UUID) -> str:
    """Delete a template; commits. Its schedules stay, and belong to no template any more."""
    template = find(actor, template_id)
    name = template.name
    own = BackupSchedule.template_id == template.id
    count = db.session.scalar(select(func.count()).select_from(BackupSchedule).where(own))
    db.session.execute(update(BackupSchedule).where(own).values(template_id=None))
    _record(actor, template, "removed", {"schedules_left": count})
    db.session.delete(template)
    db.session.commit()
    return name


def made_by(actor: Actor, template: ScheduleTemplate) -> list[Made]:
    """The first schedules in use that the template made, those that differ from it first."""
    gate.require_msp_admin(actor)
    query = (
        select(BackupSchedule, Tenant)
        .join(Tenant, Tenant.id == BackupSchedule.tenant_id)
        .where(BackupSchedule.template_id == template.id, BackupSchedule.archived_at.is_(None))
        .options(joinedload(BackupSchedule.source))
        .order_by(Tenant.name, BackupSchedule.id)
        .limit(_MOST_SHOWN)
    )
    found = [
        Made(
            schedule=schedule, tenant=tenant, differs=bool(differences(template, schedule, tenant))
        )
        for schedule, tenant in db.session.execute(query)
    ]
    return sorted(found, key=lambda made: not made.differs)


def differences(
    template: ScheduleTemplate, schedule: BackupSchedule, tenant: Tenant
) -> dict[str, tuple[Any, Any]]:
    """Field to what the schedule says and what the template would make it say."""
    wanted = asdict(in_zone_of(draft_of(template), tenant))
    pairs = {name: (_plain(getattr(schedule, name)), _plain(wanted[name])) for name in wanted}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def usual_zone(actor: Actor) -> str:
    """The zone that most of the actor's tenants are in: what a template is shown in."""
    zones = Counter(tenant.timezone for tenant in gate.tenants_of(actor))
    return zones.most_common(1)[0][0] if zones else "UTC"


def _row(template: ScheduleTemplate, counted: Sequence[int]) -> TemplateRow:
    return TemplateRow(
        template=template, draft=draft_of(template), schedules=counted[0], tenants=counted[1]
    )


def _require_usable(draft: Draft) -> None:
    wrong = problems(replace(draft, timezone=draft.timezone or "UTC"))
    if wrong:
        raise Invalid(wrong)


def _definition(draft: Draft) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(draft).items() if name != "name"}


def _plain(value: Any) -> Any:
    """A value as JSON keeps it, so that two that mean the same are the same."""
    if isinstance(value, tuple | list):
        return list(value)
    return str(value) if isinstance(value, str) else value


def _save(actor: Actor, template: ScheduleTemplate, act: str, details: dict[str, Any]) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Invalid({"name": "Another template has this name."}) from None
    _record(actor, template, act, details)
    db.session.commit()


def _record(actor: Actor, template: ScheduleTemplate, act: str, details: dict[str, Any]) -> None:
    audit.record(
        actor,
        f"template.{act}",
        tenant=None,
        resource=f"template:{template.id}",
        details={"name": template.name, **details},
    )
