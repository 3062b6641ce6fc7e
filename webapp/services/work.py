"""Carrying out runs: claim one, do its work, end it. What a job calls, and all that it calls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from webapp import clock
from webapp.database import FAILURES
from webapp.domain.outcomes import Counted
from webapp.domain.runs import RunType
from webapp.errors import AppError, Forbidden, Refused
from webapp.extensions import db
from webapp.models import Run, Tenant, TenantStatus
from webapp.services import access as gate
from webapp.services import (
    after_capture,
    applying,
    bulk,
    captures,
    checks,
    claims,
    demo,
    picking,
    postponing,
    previews,
    retention,
    run_ends,
    run_log,
    runs,
    schedule_slots,
    schedules,
    template_work,
    verification,
)
from webapp.services.claims import (
    MOST_ATTEMPTS,
    Canceled,
    Claim,
    Heartbeat,
    Interrupted,
    Later,
    LeaseLost,
)
from webapp.services.runs import Ending
from webapp.services.telling import told
from webapp.vault.errors import VaultError

log = logging.getLogger(__name__)

Function = Callable[[Claim], Ending]

WORK: dict[tuple[RunType, str], Function] = {
    (RunType.CAPTURE, "capture"): captures.carry_out,
    (RunType.CAPTURE, "scheduled"): schedules.carry_out,
    (RunType.PREVIEW, "preview"): previews.carry_out,
    (RunType.RESTORE, "apply"): applying.carry_out,
    (RunType.BULK, template_work.ACTION): template_work.carry_out,
    (RunType.MAINTENANCE, "check"): checks.carry_out,
    (RunType.MAINTENANCE, "verify"): verification.carry_out,
    (RunType.MAINTENANCE, "retention"): retention.carry_out,
    (RunType.MAINTENANCE, "purge"): retention.carry_out_purge,
    (RunType.MAINTENANCE, "demo_damage"): demo.carry_out_damage,
    (RunType.MAINTENANCE, "demo_removal"): demo.carry_out_removal,
}
_NO_LONGER = "Whoever asked for it may no longer do this, so nothing was done."
_AT_REST = "{} is {}, so nothing was done."


def carry_on(*, owner: str) -> int:
    """Do what should be done next, and go on until nothing may begin. Safe to call at any time.

    Returns:
        How many runs this worker had in hand.
    """
    count = 0
    while not claims.is_stopping():
        claim = picking.next_due(owner=owner, at=clock.now())
        if claim is None:
            return count
        count += 1
        try:
            _hold(claim)
        except Exception:  # a bug in the work of one run; the others must not wait for its repair
            log.exception("run %s stumbled", claim.run_id)
    return count


def carry_out(run_id: UUID, *, owner: str) -> None:
    """Do this one run's work if it waits for somebody. Safe to call twice, or at the same time.

    Raises:
        Exception: a bug; the run has ended as failed with ``internal_error``.
    """
    claim = claims.claim(run_id, owner=owner, at=clock.now())
    if claim is None:
        log.info("run %s does not wait for anybody", run_id)
        return
    _hold(claim)


def _hold(claim: Claim) -> None:
    log.info("run %s: %s, attempt %s", claim.run_id, claim.run_type, claim.attempt)
    try:
        if claim.attempt > 1:
            run_log.append(claim, "Taken over from a worker that is gone.", level="warning")
        with Heartbeat(claim):
            _work(claim)
    except LeaseLost:
        log.warning("run %s was taken over or has ended; this worker stops", claim.run_id)
    finally:
        db.session.rollback()


def _work(claim: Claim) -> None:
    try:
        ending = _end_of(claim)
        state = runs.finish(claim, ending) if ending is not None else None
    except Later as later:
        claims.give_back(claim, after_seconds=later.seconds, phase=later.phase)
        return
    except Interrupted:
        claims.give_back(claim)
        return
    except FAILURES:
        # The database is down, locked for long, or its disk is full: no end can be written either.
        # The lease runs out, and whoever takes the run over goes on from what was committed.
        log.exception("run %s stops here: the database does not answer", claim.run_id)
        return
    if state is not None:
        log.info("run %s: %s", claim.run_id, state)
        after_capture.ran(claim.run_id)


def _end_of(claim: Claim) -> Ending | None:
    """How the work came to its end; None if it is put off."""
    try:
        return _function(claim)(claim)
    except (LeaseLost, Interrupted, Later, *FAILURES):
        raise
    except Canceled:
        return _stopped(claim, canceled=True)
    except (AppError, VaultError, OSError) as error:
        log.warning("run %s: %s", claim.run_id, error)
        return None if postponing.put_off(claim, error) else _stopped(claim, error=error)
    except Exception as error:
        runs.finish(claim, _stopped(claim, error=error))
        raise  # a bug: it is logged with its traceback


def _function(claim: Claim) -> Function:
    """What carries out this run, once it is certain that it may be."""
    if claim.attempt > MOST_ATTEMPTS:
        raise Refused("worker_lost", "Its worker was lost three times; it is not tried again.")
    _require_still_allowed(claim)
    function = WORK.get((claim.run_type, claim.action))
    if function is None and claim.run_type is RunType.BULK:
        return bulk.carry_out
    return WORK[claim.run_type, claim.action] if function is None else function


def _require_still_allowed(claim: Claim) -> None:
    """Ask once more, since it may have waited long: does the tenant still work, and may the
    person still do this there?"""
    run = db.session.get_one(Run, claim.run_id)
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    is_at_rest = tenant.status is not TenantStatus.ACTIVE
    try:
        if is_at_rest and claim.action == schedule_slots.SCHEDULED:
            return  # its slot is skipped for it, which is no failure
        if is_at_rest:
            sentence = _AT_REST.format(tenant.name, tenant.status)
            raise Refused("not_allowed_any_more", sentence)
        gate.again(run.user_id, tenant, runs.needs(run.run_type))
    except Forbidden:
        raise Refused("not_allowed_any_more", _NO_LONGER) from None
    finally:
        db.session.rollback()


def _stopped(claim: Claim, *, error: Exception | None = None, canceled: bool = False) -> Ending:
    """The end of work that did not come to its own end."""
    db.session.rollback()
    run = db.session.get_one(Run, claim.run_id)
    also = run_ends.CLOSERS.get(claim.run_type)
    lasts = also is not None or claim.run_type is RunType.MAINTENANCE  # what it counted stays done
    done = run.succeeded if lasts else 0
    db.session.rollback()
    code, sentence = told(error) if error else (None, None)
    counted = Counted(done=done, error_code=code or "", canceled=canceled)
    return Ending(counted=counted, error_code=code, failure_reason=sentence, also=also)
