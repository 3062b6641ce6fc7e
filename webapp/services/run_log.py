"""A run's log: lines appended in order, read by offset, bounded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, insert, select

from webapp import clock
from webapp.extensions import db
from webapp.models import RunEvent
from webapp.models.columns import new_id
from webapp.services import claims
from webapp.services.claims import Claim

MOST_LINES = 2000
MOST_CHARACTERS = 500


class Line(NamedTuple):
    level: str  # info, warning, error
    message: str


def append(claim: Claim, message: str, *, level: str = "info") -> None:
    """Add one line and commit; a worker that lost the run may not."""
    with claims.writing(claim):
        add(claim.tenant_id, claim.run_id, [Line(level, message)])


def add(tenant_id: UUID, run_id: UUID, lines: Iterable[Line]) -> None:
    """Add lines to the session; the caller commits. What exceeds the bound is counted, not kept."""
    last = db.session.scalar(select(func.max(RunEvent.seq)).where(RunEvent.run_id == run_id)) or 0
    kept: list[Line] = []
    left_out = 0
    for line in lines:
        if last + len(kept) >= MOST_LINES:
            left_out += 1
        else:
            kept.append(line)
    if left_out and last + len(kept) == MOST_LINES:
        kept.append(Line("warning", f"{left_out} further lines are left out; see the items."))
    now = clock.now()
    rows = [
        {
            "id": new_id(), "tenant_id": tenant_id, "run_id": run_id, "seq": last + number,
            "at": now, "level": line.level, "message": line.message[:MOST_CHARACTERS],
        }
        for number, line in enumerate(kept, 1)
    ]  # fmt: skip
    if rows:
        db.session.execute(insert(RunEvent), rows)
