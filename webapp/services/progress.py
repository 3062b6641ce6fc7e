"""What a page sees of a run under way: written now and then, never on every file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import update

from webapp.database import by_row_locks
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.items import Tally, path_to_text
from webapp.models import Run
from webapp.services import claims, run_log
from webapp.services.claims import Claim, LeaseLost


class RunProgress:
    """The callback that a run hands to the vault: called often, writes at most once a second.

    Raises from its call ``LeaseLost`` or ``Canceled``, which stops the work without a trace.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        interval_seconds: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._claim = claim
        self._interval = interval_seconds
        self._monotonic = monotonic
        self._next_write = 0.0

    def __call__(self, tally: Tally) -> None:
        self._claim.check()
        if self.is_due():
            write(self._claim, **columns(tally))

    def is_due(self) -> bool:
        """Say whether the page should hear again; true the first time, then once an interval."""
        now = self._monotonic()
        if now < self._next_write:
            return False
        self._next_write = now + self._interval
        return True


def columns(tally: Tally) -> dict[str, Any]:
    """A tally in the words of the ``runs`` table."""
    return {
        "processed_items": tally.files + tally.failed + tally.skipped,
        "succeeded": tally.files,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "unchanged_items": tally.unchanged,
        "read_bytes": tally.read_bytes,
        "stored_bytes": tally.stored_bytes,
        "current_item": path_to_text(tally.current)[:500],
    }


def phase(claim: Claim, name: str) -> None:
    """Say what the run does now, in a few words, on its page and in its log. Commits."""
    claim.check()
    with claims.writing(claim) as run:
        run.phase, run.current_item = name, ""
        line = run_log.Line("info", f"{name[0].upper()}{name[1:]}")
        run_log.add(claim.tenant_id, claim.run_id, [line])


def write(claim: Claim, **values: Any) -> None:
    """Set columns of the run and commit.

    Raises:
        LeaseLost: another worker has it. Nothing is written.
    """
    db.session.rollback()
    with by_row_locks():
        held = db.session.execute(
            update(Run)
            .where(Run.id == claim.run_id, Run.fence == claim.fence, Run.status == RunState.RUNNING)
            .values(**values)
            .returning(Run.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        db.session.commit()
    if held is None:
        claim.lost.set()
        raise LeaseLost
