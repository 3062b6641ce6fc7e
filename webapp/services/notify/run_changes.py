"""What a run's change of state tells, and whom. In the transaction of the change itself."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain.redaction import safe
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.items import Json
from webapp.models import Notification, Run, Tenant
from webapp.services.notify import bell, channels, messages
from webapp.services.run_views import counts_of

_BAD = {RunState.FAILED, RunState.PARTIAL}
_WORK = {
    RunType.CAPTURE: "capture",
    RunType.RESTORE: "restore",
    RunType.BULK: "bulk operation",
    RunType.DRILL: "drill",
    RunType.MAINTENANCE: "maintenance",
}
# What a person does to look at something is no work that others count on.
_LOOKS = {"check", "preview", "demo_damage", "demo_removal"}


def run_changed(run: Run) -> None:
    """Tell those concerned what state *run* has come to. The caller commits, so the news exists
    exactly if the change does.

    Whoever asked for the run is told of each state; the newest takes the place of those before.
    Of a run that nobody asked for, such as a scheduled one, those are told who want to know of
    failures. A failure also goes to the channels whose rules say so.
    """
    if run.user_id is not None:
        if not _is_known(run, run.user_id):
            bell.tell([run.user_id], run.tenant_id, type=bell.RUN_STATUS, payload=payload_of(run))
    elif run.status in _BAD:
        readers = bell.wanting(run.tenant_id, "failures")
        bell.tell(readers, run.tenant_id, type=bell.RUN_STATUS, payload=payload_of(run))
    if run.status in _BAD and run.run_type in _WORK and run.action not in _LOOKS:
        _write(run)


def payload_of(run: Run) -> Json:
    """The facts that are stored; they outlive the run."""
    told: dict[str, object] = {
        "tenant_id": str(run.tenant_id),
        "run_type": run.run_type,
        "run_id": str(run.id),
        "status": run.status,
        "counts": counts_of(run),
    }
    if run.error_code:
        told["safe_error_code"] = run.error_code
        told["safe_error_context"] = _context(run)
    return told


def _context(run: Run) -> Json:
    plain = {
        name: safe(value) if isinstance(value, str) else value
        for name, value in (run.error_context or {}).items()
        if isinstance(value, str | int | float | bool)
    }
    return {**plain, "message": safe(run.failure_reason or "")}


def _is_known(run: Run, user_id: UUID) -> bool:
    """Say whether this very state waits to be read; what was told of the run before is over.

    A run that is taken over begins to run a second time: that is no news.
    """
    if run.status is RunState.QUEUED:
        return False
    before = db.session.scalars(
        select(Notification).where(
            Notification.user_id == user_id,
            Notification.run_id == run.id,
            Notification.read_at.is_(None),
        )
    )
    is_known = False
    for told in before:
        if told.payload["status"] == run.status:
            is_known = True
        else:
            told.read_at = clock.now()
    return is_known


def _write(run: Run) -> None:
    outlets = channels.wanting(run.tenant_id, "failures")
    if not outlets:
        return
    tenant = db.session.get_one(Tenant, run.tenant_id)
    of = f" of {run.source.name}" if run.source else ""
    ended = "failed" if run.status is RunState.FAILED else "was done in part"
    lines = [
        run.failure_reason or run.deciding_rule or "",
        f"{run.succeeded:,} done, {run.failed:,} failed, {run.skipped:,} skipped.",
        *messages.link(f"t/{tenant.slug}/runs/{run.id}"),
    ]
    for outlet in outlets:
        messages.add(
            outlet.id,
            f"run:{run.id}",
            tenant_id=tenant.id,
            subject=f"{tenant.name}: {_WORK[run.run_type]}{of} {ended}",
            body="\n".join(lines),
            at=clock.now(),
        )
