"""Carrying out a run: claim it, do its work, end it. What a job calls, and all that it calls."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from uuid import UUID

from sqlalchemy.exc import OperationalError

from webapp import clock
from webapp.connectors.base import REASONS
from webapp.connectors.permits import PermitRefused
from webapp.domain.outcomes import Counted
from webapp.domain.runs import RunType
from webapp.errors import AppError, ConnectorError, Forbidden, Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models import Run
from webapp.services import (
    after_capture,
    applying,
    captures,
    checks,
    claims,
    demo,
    previews,
    restore_items,
    retention,
    run_log,
    runs,
    schedules,
    template_work,
    vaults,
    verification,
)
from webapp.services.claims import MOST_ATTEMPTS, Canceled, Claim, Heartbeat, Interrupted, LeaseLost
from webapp.services.runs import Ending
from webapp.vault.errors import VaultError

log = logging.getLogger(__name__)

WORK: dict[tuple[RunType, str], Callable[[Claim], Ending]] = {
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

_ERRNO = {
    errno.ENOSPC: ("disk_full", "There is no space left."),
    errno.EDQUOT: ("disk_full", "There is no space left."),
    errno.EACCES: ("not_allowed", REASONS["not_allowed"]),
    errno.EPERM: ("not_allowed", REASONS["not_allowed"]),
    errno.ENOENT: ("not_found", REASONS["not_found"]),
}
_WORDS: dict[type[AppError], str] = {
    Forbidden: "forbidden",
    NotFound: "not_found",
    Invalid: "invalid",
    PermitRefused: "permit_refused",
    AppError: "conflict",
}


def carry_out(run_id: UUID, *, owner: str) -> None:
    """Do a run's work if it waits for somebody. Safe to call twice, or at the same time.

    Raises:
        Exception: a bug; the run has ended as failed with ``internal_error``.
    """
    claim = claims.claim(run_id, owner=owner, at=clock.now())
    if claim is None:
        log.info("run %s does not wait for anybody", run_id)
        return
    log.info("run %s: %s, attempt %s", run_id, claim.run_type, claim.attempt)
    if claim.fence > 1:
        run_log.append(claim, "Taken over from a worker that is gone.", level="warning")
    try:
        with Heartbeat(claim):
            _work(claim)
    except LeaseLost:
        log.warning("run %s was taken over or has ended; this worker stops", run_id)
    finally:
        db.session.rollback()


def _work(claim: Claim) -> None:
    try:
        if claim.attempt > MOST_ATTEMPTS:
            raise Refused("worker_lost", "Its worker was lost three times; it is not tried again.")
        ending = WORK[claim.run_type, claim.action](claim)
    except LeaseLost:
        raise
    except Interrupted:
        claims.give_back(claim)
        return
    except Canceled:
        ending = _stopped(claim, canceled=True)
    except OperationalError:
        # The database is locked for long, or its disk is full: no end can be written either. The
        # lease runs out, and whoever takes the run over goes on from what was committed.
        log.exception("run %s stops here: the database does not answer", claim.run_id)
        return
    except (AppError, VaultError, OSError) as error:
        log.warning("run %s: %s", claim.run_id, error)
        ending = _stopped(claim, error=error)
    except Exception as error:
        runs.finish(claim, _stopped(claim, error=error))
        raise  # a bug: the queue logs it with its traceback
    state = runs.finish(claim, ending)
    log.info("run %s: %s", claim.run_id, state)
    after_capture.ran(claim.run_id)


def _stopped(claim: Claim, *, error: Exception | None = None, canceled: bool = False) -> Ending:
    """The end of work that did not come to its own end. Only a restore leaves something done."""
    db.session.rollback()
    run = db.session.get_one(Run, claim.run_id)
    done = run.succeeded if claim.run_type is RunType.RESTORE else 0
    db.session.rollback()
    code, sentence = told(error) if error else (None, None)
    counted = Counted(done=done, error_code=code or "", canceled=canceled)
    also = restore_items.close_open if claim.run_type is RunType.RESTORE else None
    return Ending(counted=counted, error_code=code, failure_reason=sentence, also=also)


def told(error: Exception) -> tuple[str, str]:
    """A stable code and a sentence that is safe to show: no path of ours, secret or traceback."""
    if isinstance(error, ConnectorError | Refused):
        return error.code, str(error)
    if isinstance(error, VaultError):
        return error.code, vaults.told(error)
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0, ("read_error", "The disk or file system failed."))
    if isinstance(error, AppError):
        kinds = _WORDS.items()
        return next(code for kind, code in kinds if isinstance(error, kind)), str(error)
    return "internal_error", "Something unexpected happened; the worker's log has the details."
