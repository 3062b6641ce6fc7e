"""Holding a run: the claim, its lease and its fencing token.

A worker that was killed leaves a *running* row whose lease runs out; another takes it over under
the next fencing token. A worker that was only slow finds its token outdated at its next write,
and stops without having written anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from webapp import clock
from webapp.database import by_row_locks
from webapp.domain.patience import MOST_TRIES
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import Run
from webapp.services import installation, notify

MOST_ATTEMPTS = 3

_held: dict[UUID, Claim] = {}  # what this process works on
_stopping = threading.Event()  # this process takes nothing new


class LeaseLost(Exception):
    """Another worker has this run now, or it has ended: stop, and write nothing."""


class Canceled(Exception):
    """A person asked for the run to stop."""


class Interrupted(Exception):
    """The worker is being stopped: the run goes back to wait for another."""


class Later(Exception):
    """The work waits for others' and holds no worker meanwhile; it goes on after *seconds*."""

    def __init__(self, phase: str, *, seconds: float) -> None:
        super().__init__(phase)
        self.phase, self.seconds = phase, seconds


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One worker's hold on one run. ``attempt`` is 1 the first time; ``retries`` are those that
    the run made by itself, after what may pass."""

    run_id: UUID
    tenant_id: UUID
    run_type: RunType
    action: str
    fence: int
    attempt: int
    retries: int = 0
    lost: threading.Event = field(default_factory=threading.Event, compare=False)
    canceled: threading.Event = field(default_factory=threading.Event, compare=False)
    interrupted: threading.Event = field(default_factory=threading.Event, compare=False)

    @property
    def is_last_try(self) -> bool:
        """Whatever stops the work now is final, even if it might pass."""
        return self.retries + 1 >= MOST_TRIES

    def check(self) -> None:
        """Call between steps of long work.

        Raises:
            LeaseLost: the run is another worker's, or over.
            Canceled: a person asked for it to stop.
            Interrupted: the worker is being stopped.
        """
        for event, error in (
            (self.lost, LeaseLost),
            (self.canceled, Canceled),
            (self.interrupted, Interrupted),
        ):
            if event.is_set():
                raise error


def claim(run_id: UUID, *, owner: str, at: datetime) -> Claim | None:
    """Take a queued run, or one whose worker is gone, with a lease and the next fencing token.

    None if another worker has it, it has ended, or its time has not come: a second delivery ends
    here. Commits.
    """
    db.session.rollback()
    held = take(run_id, owner=owner, at=at)
    db.session.commit()
    return held


def take(run_id: UUID, *, owner: str, at: datetime) -> Claim | None:
    """As ``claim``, within the caller's transaction."""
    seconds = installation.settings().lease_seconds
    taken = db.session.execute(
        update(Run)
        .where(
            Run.id == run_id,
            or_(
                (Run.status == RunState.QUEUED)
                & or_(Run.not_before.is_(None), Run.not_before <= at),
                (Run.status == RunState.RUNNING) & (Run.lease_until < at),
            ),
        )
        .values(
            status=RunState.RUNNING,
            lease_owner=owner,
            lease_until=at + timedelta(seconds=seconds),
            fence=Run.fence + 1,
            attempt=Run.attempt + 1,
            not_before=None,
            waits_for="",
        )
        .returning(Run.tenant_id, Run.run_type, Run.action, Run.fence, Run.attempt, Run.retries)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is None:
        return None
    db.session.execute(
        update(Run)
        .where(Run.id == run_id, Run.started_at.is_(None))
        .values(started_at=at)
        .execution_options(synchronize_session=False)
    )
    if taken.fence == 1:  # that it is taken over, tried again or looked at again is no news
        notify.run_changed(db.session.get_one(Run, run_id, populate_existing=True))
    return Claim(run_id=run_id, **taken._mapping)


@contextmanager
def writing(held: Claim) -> Iterator[Run]:
    """A transaction that may write for this run; committed at the end of the block.

    Raises:
        LeaseLost: the fencing token is outdated. Nothing is written.
    """
    db.session.rollback()  # what went before is no part of this
    try:
        run = db.session.get(Run, held.run_id, with_for_update=True, populate_existing=True)
        if run is None or run.fence != held.fence or run.status is not RunState.RUNNING:
            held.lost.set()
            raise LeaseLost
        yield run
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


class Heartbeat:
    """Renews the lease from a thread of its own while the work goes on, and looks whether a
    person wants it to stop. Cannot renew what another worker took over."""

    def __init__(self, held: Claim) -> None:
        self._claim = held
        self._engine: Engine = db.engine
        self._lease_seconds = installation.settings().lease_seconds
        self._stop = threading.Event()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        _held[self._claim.run_id] = self._claim
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()
        _held.pop(self._claim.run_id, None)

    def _run(self) -> None:
        pause = min(self._lease_seconds / 4, 1.0)
        while not self._stop.wait(pause):
            self._beat()

    def _beat(self) -> None:
        try:
            alive = renew(self._engine, self._claim, self._lease_seconds)
            self._renewed = time.monotonic()
        except SQLAlchemyError:  # the database is busy; the lease may last until the next beat
            alive = time.monotonic() - self._renewed < self._lease_seconds
        if not alive:
            self._claim.lost.set()


def renew(engine: Engine, held: Claim, lease_seconds: float) -> bool:
    """Prolong the lease in a transaction of its own; False if the run is no longer held."""
    with by_row_locks(), engine.begin() as connection:
        row = connection.execute(
            update(Run)
            .where(Run.id == held.run_id, Run.fence == held.fence, Run.status == RunState.RUNNING)
            .values(lease_until=clock.now() + timedelta(seconds=lease_seconds))
            .returning(Run.cancel_requested_at)
        ).one_or_none()
    if row is not None and row[0] is not None:
        held.canceled.set()
    return row is not None


def interrupt_all(*, wait_seconds: float) -> bool:
    """Ask all work of this process to stop and to give its runs back, and take nothing new;
    False if some did not."""
    _stopping.set()
    for held in list(_held.values()):
        held.interrupted.set()
    until = time.monotonic() + wait_seconds
    while _held and time.monotonic() < until:
        time.sleep(0.05)
    return not _held


def is_stopping() -> bool:
    """Say whether this process takes nothing new because it is about to end."""
    return _stopping.is_set()


def give_back(
    held: Claim, *, after_seconds: float = -1.0, phase: str = "waiting for a worker"
) -> None:
    """Let another worker go on, at once or later; that this one stopped is no failed attempt.

    Commits.
    """
    with writing(held) as run:
        run.lease_until = clock.now() + timedelta(seconds=after_seconds)
        run.rung_at = None
        run.attempt -= 1
        run.phase = phase
