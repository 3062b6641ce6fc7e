"""How runs end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from webapp import clock
from webapp.domain import outcomes
from webapp.domain.actors import SYSTEM, Actor
from webapp.domain.outcomes import Counted
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.items import Json
from webapp.models import Run, Tenant
from webapp.services import (
    audit,
    claims,
    notify,
    plan_states,
    restore_items,
    run_log,
    schedule_slots,
)
from webapp.services.claims import Claim
from webapp.services.run_views import counts_of

CLOSERS: dict[RunType, Callable[[Run], None]] = {RunType.RESTORE: restore_items.close_open}
"""What is written beside the end of a run that did not come to its own end, by type. Those named
here may leave something done."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What a run's work hands back: the facts its end is judged by.

    Attributes:
        values: columns of the run to set in the same transaction as the end.
        also: called with the run, already ended, in that transaction, before its commit: what
            becomes visible only with the end, such as a backup set, is added here.
        details: facts for the audit entry.
    """

    counted: Counted
    error_code: str | None = None
    failure_reason: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    also: Callable[[Run], None] | None = None
    details: Json = field(default_factory=dict)


def finish(held: Claim, ending: Ending) -> RunState:
    """End a run by what was counted, and commit. The rule that decided is stored with it.

    Raises:
        LeaseLost: another worker has the run; nothing is written.
    """
    with claims.writing(held) as run:
        return end(run, ending)


def end(run: Run, ending: Ending) -> RunState:
    verdict = outcomes.judge(ending.counted)
    for name, value in ending.values.items():
        setattr(run, name, value)
    run.move_to(verdict.state, at=clock.now())
    run.deciding_rule = verdict.rule
    run.error_code, run.failure_reason = ending.error_code, ending.failure_reason
    run.phase = run.current_item = ""
    run.lease_owner = run.lease_until = run.not_before = None
    run.waits_for = ""
    if ending.also is not None:
        ending.also(run)
    plan_states.close(run)
    schedule_slots.close(run)
    level = {RunState.SUCCEEDED: "info", RunState.FAILED: "error"}.get(verdict.state, "warning")
    line = run_log.Line(level, f"{verdict.state.capitalize()}. {verdict.rule}")
    run_log.add(run.tenant_id, run.id, _why(ending, line))
    details = {"status": verdict.state, "counts": counts_of(run), **ending.details}
    record(SYSTEM, run, "ended", details=details)
    notify.run_changed(run)
    return verdict.state


def _why(ending: Ending, last: run_log.Line) -> Iterable[run_log.Line]:
    if ending.failure_reason:
        yield run_log.Line("error", ending.failure_reason)
    yield last


def record(
    actor: Actor, run: Run, what: str, *, reason: str = "", details: Json | None = None
) -> None:
    noun = run.action if run.run_type is RunType.MAINTENANCE else run.run_type.removesuffix("_run")
    tenant = db.session.get_one(Tenant, run.tenant_id)
    facts = {"source": str(run.source_id)} if run.source_id else {}
    if run.error_code:
        facts["error_code"] = run.error_code
    audit.record(
        actor,
        f"{noun}.{what}",
        tenant=tenant,
        resource=f"run:{run.id}",
        reason=reason,
        details={**facts, **(details or {})},
    )
