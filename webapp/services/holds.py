"""What a run keeps to itself while it works: a target under live restore is nobody else's.

Captures may share a place with each other; a restore shares it with nobody. A hold is written in
the transaction that looked for others, lasts as long as its run is *running*, and passes with the
run to the worker that takes it over.
"""

from __future__ import annotations

import os.path
import time
from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import or_, select

from webapp.domain import overlaps
from webapp.domain.runs import RunState, RunType
from webapp.errors import Refused
from webapp.extensions import db
from webapp.models import Run
from webapp.services import claims, progress
from webapp.services.claims import Claim

PATIENCE_SECONDS = 60.0
_KEY = "holds"


def take(
    claim: Claim,
    config: Mapping[str, object],
    *,
    patience_seconds: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Hold the places that *config* names until the run ends; wait a while for others. Commits.

    Raises:
        Refused: ``target_busy``, if they are still not free. Canceled, LeaseLost: as ever.
    """
    patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    places = _places(config)
    until = time.monotonic() + patience
    waiting = False
    while not _try(claim, places):
        if time.monotonic() >= until:
            raise Refused(
                "target_busy",
                "A restore or a capture of the same place is under way. Try again when it ended.",
            )
        if not waiting:
            progress.phase(claim, "waiting for another run of the same place")
            waiting = True
        sleep(0.5)
        claim.check()


def look() -> Callable[[Mapping[str, object]], bool]:
    """One look at all live restores: what tells of settings whether none is under way there."""
    restoring = [_held_by(run) for run in _holders() if run.run_type is RunType.RESTORE]

    def is_free(config: Mapping[str, object]) -> bool:
        places = _places(config) if restoring else frozenset()
        return not any(overlaps.overlap(places, held) for held in restoring)

    return is_free


def is_free(config: Mapping[str, object]) -> bool:
    """Say whether no live restore is under way where *config* points."""
    return look()(config)


def _places(config: Mapping[str, object]) -> frozenset[str]:
    """Where the settings point, by the names they give and by where these really lead."""
    named = overlaps.places_of(config)
    return named | {os.path.realpath(place) for place in named}


def _try(claim: Claim, places: Iterable[str]) -> bool:
    places = sorted(places)
    with claims.writing(claim) as run:
        rivals = [
            other
            for other in _holders()
            if other.id != run.id
            and RunType.RESTORE in {run.run_type, other.run_type}
            and overlaps.overlap(places, _held_by(other))
        ]
        if rivals:
            return False
        run.metadata_ = {**run.metadata_, _KEY: places}
        return True


def _held_by(run: Run) -> list[str]:
    return list(run.metadata_.get(_KEY, ()))


def _holders() -> list[Run]:
    """Who holds places: what runs, and restores that wait for what may pass in their middle."""
    running = (Run.status == RunState.RUNNING) & Run.run_type.in_(
        (RunType.RESTORE, RunType.CAPTURE)
    )
    waiting = (
        (Run.status == RunState.QUEUED) & (Run.run_type == RunType.RESTORE) & (Run.retries > 0)
    )
    query = select(Run).where(or_(running, waiting))
    return [run for run in db.session.scalars(query) if run.metadata_.get(_KEY)]
