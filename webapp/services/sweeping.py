"""Finding runs that nobody carries on: rung again when they are due and may begin."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, update

from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db, doorbell
from webapp.models import Run
from webapp.services import installation, picking

RING_AGAIN = timedelta(seconds=10)
MOST_RINGS = 64  # a worker that hears one goes on until nothing may begin


def sweep(*, at: datetime, pending: Collection[UUID] = ()) -> int:
    """Ring again for runs that nobody picked up, whose time has come, or whose worker is gone;
    write beside the others what they wait for. Commits, then rings.

    Args:
        pending: runs whose message is known to wait in the queue; no need to ring for those.

    Returns:
        How many rang.
    """
    db.session.rollback()
    shorten_leases(at)
    board = picking.look(at)
    picking.explain(board, at=at)
    may_begin = [one.run_id for one, why in board if not why][:MOST_RINGS]
    too_late = at + clock.BELIEVED_AHEAD  # it rang before the clock was set back
    unheard = or_(Run.rung_at.is_(None), Run.rung_at < at - RING_AGAIN, Run.rung_at > too_late)
    wanted = or_(picking.is_due(at) & Run.id.in_(may_begin), picking.is_abandoned(at))
    run_ids = list(
        db.session.scalars(
            update(Run)
            .where(wanted, unheard, Run.id.not_in(pending))
            .values(rung_at=at)
            .returning(Run.id)
            .execution_options(synchronize_session=False)
        )
    )
    db.session.commit()
    for run_id in run_ids:
        doorbell.ring(run_id)
    return len(run_ids)


def shorten_leases(at: datetime) -> None:
    """After a clock that was set back: no dead worker keeps its run until the hour from which the
    clock came. Whoever lives renews its lease in time. The caller commits."""
    lease = timedelta(seconds=installation.settings().lease_seconds)
    db.session.execute(
        update(Run)
        .where(Run.status == RunState.RUNNING, Run.lease_until > at + lease + clock.BELIEVED_AHEAD)
        .values(lease_until=at + lease)
        .execution_options(synchronize_session=False)
    )
