"""A run that waits: what stopped it may pass, so it is tried again by itself later."""

from __future__ import annotations

from datetime import timedelta

from webapp import clock
from webapp.domain import patience
from webapp.domain.patience import MOST_TRIES
from webapp.domain.runs import RunState
from webapp.services import claims, run_log
from webapp.services.claims import Claim
from webapp.services.telling import told


def put_off(held: Claim, error: Exception) -> bool:
    """Give the run back to the queue until it may be tried again; False if it may not. Commits.

    What an earlier try has written stays written and is not repeated: the next one goes on as
    if it had taken the run over.

    Raises:
        LeaseLost: another worker has the run.
    """
    code, sentence = told(error)
    asked = float(getattr(error, "wait_seconds", None) or 0)
    seconds = patience.wait_seconds(code, tries=held.retries + 1, asked_seconds=asked)
    if seconds is None or held.canceled.is_set():
        return False
    coming = held.retries + 2
    why = f"{sentence[:1].lower()}{sentence[1:].rstrip('.')} (try {coming} of {MOST_TRIES})"
    now = clock.now()
    with claims.writing(held) as run:
        run.move_to(RunState.QUEUED, at=now)
        run.not_before, run.waits_for = now + timedelta(seconds=seconds), why
        run.retries += 1
        run.attempt -= 1  # no worker was lost
        run.phase = run.current_item = ""
        run.lease_owner = run.lease_until = run.rung_at = None
        line = run_log.Line("warning", f"{sentence} It is tried again in {seconds:.0f} seconds.")
        run_log.add(held.tenant_id, held.run_id, [line])
    return True
