"""Applying a template: one bulk run for each tenant, one item for each source, one entry in the
installation's audit log for the whole act.

Each item is looked at again when its turn comes: what is no longer as the preview showed it is
left alone and said to have changed. So a run can be delivered twice, and two can overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunType
from webapp.errors import AppError, Conflict, Invalid
from webapp.extensions import db
from webapp.models import (
    INSTALLATION_CHAIN,
    AuditEntry,
    BulkOperationRun,
    Run,
    RunItem,
    ScheduleTemplate,
    Source,
    Tenant,
)
from webapp.services import access as gate
from webapp.services import audit, bulk, runs, schedules
from webapp.services import schedule_templates as templates
from webapp.services import template_previews as previews
from webapp.services.access import Access
from webapp.services.claims import Claim, writing
from webapp.services.runs import Ending
from webapp.services.template_previews import Outcome, Planned, Preview

ACTION = "apply_template"
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Application:
    """One act of applying: its entry in the audit log, and what became of its runs."""

    entry: AuditEntry
    runs: list[tuple[Tenant, Run]]


def apply(
    actor: Actor, template_id: UUID, source_ids: Collection[UUID], *, digest: str, reason: str
) -> list[Run]:
    """Start what the preview with this *digest* showed: one run for each tenant. Commits.

    Raises:
        Forbidden: the actor is no MSP admin.
        Invalid: no reason was given.
        Conflict: it would do something else by now, or nothing at all.
    """
    template = templates.find(actor, template_id)
    preview = previews.of(actor, template, source_ids)
    reason = reason.strip()
    if not reason:
        raise Invalid({"reason": "Say why; it is kept in the audit log."})
    if preview.digest != digest:
        raise Conflict("Something changed since you looked. Look at what would happen now.")
    if not preview.to_do:
        raise Conflict("There is nothing to do: no source would change.")
    # Read off before the first commit: what is stored would be read again, one by one, after it.
    parts = [_Part.of(template, tenant, planned) for tenant, planned in _by_tenant(preview.to_do)]
    started = [_start(actor, part, reason) for part in parts]
    _record(actor, preview, started, reason=reason)
    return started


def applications(actor: Actor, template: ScheduleTemplate) -> list[Application]:
    """The latest times that it was applied, newest first."""
    gate.require_msp_admin(actor)
    entries = db.session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.chain == INSTALLATION_CHAIN,
            AuditEntry.resource == f"template:{template.id}",
            AuditEntry.action == "template.applied",
        )
        .order_by(AuditEntry.seq.desc())
        .limit(_SHOWN)
    ).all()
    ids = [UUID(run_id) for entry in entries for run_id in entry.details["runs"]]
    query = select(Run, Tenant).join(Tenant, Tenant.id == Run.tenant_id).where(Run.id.in_(ids))
    found = {str(run.id): (tenant, run) for run, tenant in db.session.execute(query)}
    return [
        Application(entry=entry, runs=[found[i] for i in entry.details["runs"] if i in found])
        for entry in entries
    ]


def carry_out(claim: Claim) -> Ending:
    """Make or change the schedules of one tenant, source by source, in order."""
    run = db.session.get_one(Run, claim.run_id)
    items, done = _items(run), _outcomes(run)
    db.session.rollback()
    for position, item in enumerate(items):
        claim.check()
        if item.key in done:
            continue  # before this worker took the run over
        problem = _problem_with(claim, item)
        with writing(claim) as run:
            _note(run, item, position=position, problem=problem)
        done[item.key] = "failed" if problem else "succeeded"
    failed = sum(outcome == "failed" for outcome in done.values())
    return Ending(counted=Counted(done=len(done) - failed, failed=failed), also=bulk.close)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What is to be done in one tenant. *planned*: source id to what it must still find."""

    tenant: Tenant
    template_id: UUID
    version: int
    planned: dict[str, list[Any]]
    key: str

    @classmethod
    def of(cls, template: ScheduleTemplate, tenant: Tenant, planned: list[Planned]) -> _Part:
        digest = previews.digest_of(template, planned)
        return cls(
            tenant=tenant,
            template_id=template.id,
            version=template.version,
            planned={str(one.source.id): _expected(one) for one in planned},
            key=f"template:{template.id}:{digest[:16]}",
        )


@dataclass(frozen=True, kw_only=True)
class _Item:
    """One source of a run, with all that its work needs to know."""

    source_id: UUID
    expected: list[Any]
    template_id: UUID
    version: int
    user_id: UUID | None

    @property
    def key(self) -> str:
        return f"source:{self.source_id}"


def _by_tenant(planned: list[Planned]) -> list[tuple[Tenant, list[Planned]]]:
    found: dict[UUID, tuple[Tenant, list[Planned]]] = {}
    for one in planned:
        found.setdefault(one.tenant.id, (one.tenant, []))[1].append(one)
    return list(found.values())


def _expected(one: Planned) -> list[Any]:
    """What is to be done, and to which version of the schedule."""
    return [str(one.outcome), one.schedule.version if one.schedule else 0]


def _start(actor: Actor, part: _Part, reason: str) -> Run:
    """Queue one tenant's run; the same again while it is under way is that run."""

    def also(run: Run) -> None:
        link = BulkOperationRun(
            tenant_id=run.tenant_id, run_id=run.id, resource="source", action=ACTION
        )
        link.item_ids = list(part.planned)
        db.session.add(link)

    run, _ = runs.request(
        gate.enter_tenant(actor, part.tenant, Permission.MANAGE),
        RunType.BULK,
        ACTION,
        key=part.key,
        also=also,
        reason=reason,
        total_items=len(part.planned),
        metadata={
            "template_id": str(part.template_id),
            "template_version": part.version,
            "planned": part.planned,
        },
    )
    return run


def _record(actor: Actor, preview: Preview, started: list[Run], *, reason: str) -> None:
    audit.record(
        actor,
        "template.applied",
        tenant=None,
        resource=f"template:{preview.template.id}",
        reason=reason,
        details={
            "name": preview.template.name,
            "version": preview.template.version,
            "counts": {str(outcome): preview.count(outcome) for outcome in Outcome},
            "runs": [str(run.id) for run in started],
        },
    )
    db.session.commit()


def _items(run: Run) -> list[_Item]:
    facts: Mapping[str, Any] = run.metadata_
    return [
        _Item(
            source_id=UUID(source_id),
            expected=expected,
            template_id=UUID(facts["template_id"]),
            version=facts["template_version"],
            user_id=run.user_id,
        )
        for source_id, expected in facts["planned"].items()
    ]


def _outcomes(run: Run) -> dict[str, str]:
    """What earlier attempts have decided: item key to outcome."""
    query = select(RunItem).where(RunItem.run_id == run.id, RunItem.outcome.is_not(None))
    return {item.item_key: str(item.outcome) for item in db.session.scalars(query)}


def _problem_with(claim: Claim, item: _Item) -> tuple[str, str] | None:
    """Do one item in a transaction of its own; a code and a sentence if it was not done."""
    try:
        access = gate.again(
            item.user_id, db.session.get_one(Tenant, claim.tenant_id), Permission.MANAGE
        )
        _carry_out_one(access, item)
    except Conflict as problem:
        return "changed", str(problem)
    except AppError as problem:
        return "refused", str(problem)
    finally:
        db.session.rollback()
    return None


def _carry_out_one(access: Access, item: _Item) -> None:
    source = gate.find(access, Source, item.source_id)
    db.session.refresh(source, with_for_update=True)  # two runs over one source take turns
    template = db.session.get(ScheduleTemplate, item.template_id)
    if template is None or template.version != item.version:
        raise Conflict("The template was changed or removed meanwhile.")
    present = previews.present_at(source)
    planned = previews.of_source(template, source, access.tenant, present)
    if planned.outcome is Outcome.UNCHANGED:
        return  # done by a worker that is gone, or by another run
    if planned.outcome is Outcome.BLOCKED:
        raise Conflict(planned.reason)
    if _expected(planned) != item.expected:
        raise Conflict("Its schedule was changed after the preview. Apply the template again.")
    draft = templates.in_zone_of(templates.draft_of(template), access.tenant)
    if planned.schedule is None:
        schedules.create(access, source.id, draft, template_id=template.id)
    else:
        schedules.edit(access, planned.schedule.id, draft, version=planned.schedule.version)


def _note(run: Run, item: _Item, *, position: int, problem: tuple[str, str] | None) -> None:
    """Keep the outcome of one item, and count it."""
    name = db.session.get_one(Source, item.source_id).name
    code, message = problem or ("", "")
    db.session.add(
        RunItem(
            tenant_id=run.tenant_id,
            run_id=run.id,
            position=position,
            item_key=item.key,
            action=ACTION,
            outcome="failed" if problem else "succeeded",
            reason_code=code,
            message=f"{name}: {message}" if message else name,
            finished_at=clock.now(),
        )
    )
    run.processed_items += 1
    run.succeeded += not problem
    run.failed += bool(problem)
