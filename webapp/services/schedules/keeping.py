"""Schedules as rows: made, changed, paused and archived by managers, looked at by members."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from webapp import clock
from webapp.connectors import registry
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType
from webapp.domain.schedules import Draft, MissedRule, problems, timing_of
from webapp.domain.slots import whole_minute
from webapp.errors import Conflict, Forbidden, Invalid
from webapp.extensions import db
from webapp.models import BackupSchedule, Source, Tenant
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import audit, schedule_slots
from webapp.services.access import Access
from webapp.services.captures import TYPES
from webapp.services.schedules import lessening


def find(access: Access, schedule_id: UUID) -> BackupSchedule:
    """One schedule of this tenant, archived or not.

    Raises:
        Forbidden: it is not this tenant's, or there is none.
    """
    access.require(Permission.VIEW)
    return gate.find(access, BackupSchedule, schedule_id)


def list_for(
    access: Access, *, source_id: UUID | None = None, archived: bool = False
) -> list[BackupSchedule]:
    """The tenant's schedules by name: those in use, or the archived ones."""
    access.require(Permission.VIEW)
    is_archived = BackupSchedule.archived_at.is_not(None)
    query = gate.rows(BackupSchedule, access).where(is_archived if archived else ~is_archived)
    if source_id is not None:
        query = query.where(BackupSchedule.source_id == source_id)
    return list(db.session.scalars(query.order_by(BackupSchedule.name, BackupSchedule.id)))


def called(access: Access, name_or_id: str) -> BackupSchedule:
    """The schedule in use with this name, or with this id.

    Raises:
        Forbidden: this tenant has none such.
        Conflict: two have this name.
    """
    found = [one for one in list_for(access) if one.name == name_or_id]
    if len(found) > 1:
        raise Conflict(f"{len(found)} schedules are named {name_or_id}. Use the id.")
    if found:
        return found[0]
    try:
        return find(access, UUID(name_or_id))
    except ValueError:
        raise Forbidden(f"There is no schedule {name_or_id} that you may see.") from None


def draft_of(schedule: BackupSchedule) -> Draft:
    """The schedule as somebody would have typed it: what an edit begins with."""
    return Draft(
        name=schedule.name,
        frequency=schedule.frequency,
        timezone=schedule.timezone,
        time_of_day=schedule.time_of_day,
        days_of_week=tuple(schedule.days_of_week),
        cron=schedule.cron,
        backup_type=schedule.backup_type,
        policy_types=tuple(schedule.policy_types),
        include_foundations=schedule.include_foundations,
        retention_keep_last=schedule.retention_keep_last,
        retention=dict(schedule.retention),
        missed=schedule.missed,
    )


def create(
    access: Access, source_id: UUID, draft: Draft, *, template_id: UUID | None = None
) -> BackupSchedule:
    """Add a schedule to a source; commits. Its first slot is the next one from now.

    Raises:
        Forbidden: the source is another tenant's, or the role is too small.
        NotFound: the source was removed.
        Invalid: one sentence for each field that cannot be used.
    """
    access.require(Permission.MANAGE)
    source = gate.find(access, Source, source_id)
    _require_usable(draft, source)
    schedule = BackupSchedule(
        id=new_id(),
        tenant_id=access.tenant.id,
        source_id=source.id,
        template_id=template_id,
        evaluated_until=whole_minute(clock.now()),
        created_by=access.actor.label,
        created_at=clock.now(),
        is_enabled=True,
        **_columns(draft),
    )
    schedule.next_run_at = schedule_slots.next_run(schedule)
    db.session.add(schedule)
    db.session.flush()
    _record(access, schedule, "created", details={"source": str(source.id), **_told(draft)})
    db.session.commit()
    return schedule


def edit(
    access: Access, schedule_id: UUID, draft: Draft, *, version: int, reason: str = ""
) -> BackupSchedule:
    """Change a schedule; commits. *version* is that of the row the person looked at.

    Raises:
        Conflict: somebody else changed it meanwhile, or it is archived.
        Waiting: it would keep less, and two people are demanded for that.
        Invalid: one sentence for each field that cannot be used.
    """
    schedule = _locked(access, schedule_id)
    if schedule.version != version:
        raise Conflict(
            "Somebody else changed this schedule meanwhile. Look at what it is now, and edit again."
        )
    _require_usable(draft, gate.find_even_deleted(access, Source, schedule.source_id))
    lessening.require_allowed(
        access, schedule, before=draft_of(schedule), after=draft, reason=reason
    )
    before = _told(draft_of(schedule))
    is_moved = schedule_slots.timing(schedule) != timing_of(draft)
    for name, value in _columns(draft).items():
        setattr(schedule, name, value)
    schedule.version += 1
    if is_moved:  # what lies behind belongs to the times it had then
        schedule.evaluated_until = whole_minute(clock.now())
    schedule.next_run_at = schedule_slots.next_run(schedule)
    told = _told(draft)
    changed = [name for name, value in told.items() if value != before[name]]
    _record(
        access,
        schedule,
        "edited",
        details={
            "before": {name: before[name] for name in changed},
            "after": {name: told[name] for name in changed},
        },
    )
    db.session.commit()
    return schedule


def enable(access: Access, schedule_id: UUID) -> BackupSchedule:
    """Let a schedule run again, from the next slot on; commits. What passed was not missed."""
    schedule = _locked(access, schedule_id)
    if not schedule.is_enabled:
        schedule.is_enabled = True
        schedule.evaluated_until = whole_minute(clock.now())
    return _changed(access, schedule, "enabled")


def disable(access: Access, schedule_id: UUID) -> BackupSchedule:
    """Let a schedule rest: it has no slots until it is enabled; commits."""
    schedule = _locked(access, schedule_id)
    schedule.is_enabled = False
    return _changed(access, schedule, "disabled")


def pause(access: Access, schedule_id: UUID, until: datetime | None, reason: str) -> BackupSchedule:
    """Skip the slots before *until*, visibly; None ends a pause. Commits.

    Raises:
        Invalid: no reason, or *until* has passed.
    """
    schedule = _locked(access, schedule_id)
    wrong = {}
    if until is not None and until <= clock.now():
        wrong["until"] = "A pause ends in the future."
    if until is not None and not reason.strip():
        wrong["reason"] = "Say why, for those who wonder where the backups are."
    if wrong:
        raise Invalid(wrong)
    schedule.paused_until = until
    details = {"until": until.isoformat()} if until else {}
    what = "paused" if until else "resumed"
    return _changed(access, schedule, what, reason=reason.strip(), details=details)


def archive(access: Access, schedule_id: UUID) -> BackupSchedule:
    """Put a schedule away for good; commits. Its history and its backup sets stay."""
    schedule = _locked(access, schedule_id)
    schedule.archived_at = clock.now()
    return _changed(access, schedule, "archived")


def archive_all(access: Access, source: Source, reason: str) -> int:
    """Archive what captured a source that is being removed; the caller commits."""
    found = list_for(access, source_id=source.id)
    for schedule in found:
        schedule.archived_at, schedule.next_run_at = clock.now(), None
        schedule.version += 1
        _record(access, schedule, "archived", reason=reason)
    return len(found)


def _locked(access: Access, schedule_id: UUID) -> BackupSchedule:
    """The row for a change: nobody else changes it until the commit."""
    access.require(Permission.MANAGE)
    schedule = find(access, schedule_id)
    db.session.refresh(schedule, with_for_update=True)
    if schedule.archived_at is not None:
        raise Conflict("This schedule is archived; nothing about it changes any more.")
    return schedule


def _changed(access: Access, schedule: BackupSchedule, what: str, **told: Any) -> BackupSchedule:
    schedule.version += 1  # who has it open to edit is told
    schedule.next_run_at = schedule_slots.next_run(schedule)
    _record(access, schedule, what, **told)
    db.session.commit()
    return schedule


def _require_usable(draft: Draft, source: Source) -> None:
    wrong = problems(draft)
    known = policy_types_of(source.kind)
    strange = sorted(set(draft.policy_types) - set(known))
    if "backup_type" not in wrong and draft.backup_type not in _types_of(source.kind):
        wrong["backup_type"] = f"This source cannot be captured as {draft.backup_type}."
    if strange and not known:
        wrong["policy_types"] = "This source has no policies."
    elif strange:
        wrong["policy_types"] = f"There is no policy type {strange[0]}."
    elif known and not draft.policy_types:
        wrong["policy_types"] = "Choose at least one policy type."
    if source.removed_at is not None:
        wrong["source"] = "Its source was removed."
    if wrong:
        raise Invalid(wrong)


def policy_types_of(kind: str) -> tuple[str, ...]:
    """The types of policies that a kind of source knows; most know none."""
    return tuple(getattr(registry.kind_of(kind), "policy_types", ()))


def _types_of(kind: str) -> tuple[BackupType, ...]:
    return (BackupType.FULL, BackupType.POLICIES) if policy_types_of(kind) else TYPES


def _columns(draft: Draft) -> dict[str, Any]:
    """The columns that a draft sets, without what does not belong to its frequency."""
    timing = timing_of(draft)
    return {
        "name": draft.name.strip(),
        "frequency": timing.frequency,
        "timezone": timing.timezone,
        "time_of_day": timing.time_of_day,
        "days_of_week": list(timing.days_of_week),
        "cron": timing.cron,
        "backup_type": BackupType(draft.backup_type),
        "policy_types": list(dict.fromkeys(draft.policy_types)),
        "include_foundations": draft.include_foundations,
        "retention_keep_last": draft.retention_keep_last,
        "retention": {name: count for name, count in draft.retention.items() if count},
        "missed": MissedRule(draft.missed),
    }


def _told(draft: Draft) -> dict[str, Any]:
    """The same for the audit log: plain words."""
    return {
        name: str(value) if isinstance(value, str) else value
        for name, value in _columns(draft).items()
    }


def _record(
    access: Access,
    schedule: BackupSchedule,
    what: str,
    *,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    audit.record(
        access.actor,
        f"schedule.{what}",
        tenant=db.session.get_one(Tenant, schedule.tenant_id),
        resource=f"schedule:{schedule.id}",
        reason=reason,
        details={"name": schedule.name, **(details or {})},
    )
