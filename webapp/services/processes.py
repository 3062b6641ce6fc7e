"""Which workers live, on all hosts: each shows itself in a row of its own."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import Engine

from webapp import clock
from webapp.database import by_row_locks
from webapp.extensions import db
from webapp.hosts import open_files
from webapp.models import ProcessSign
from webapp.models.columns import new_id

WORKER, SCHEDULER = "worker", "scheduler"
SHOWS_ITSELF_SECONDS = 3.0
_LATELY = {WORKER: timedelta(seconds=15), SCHEDULER: timedelta(minutes=3)}
_FORGOTTEN = timedelta(days=30)


class Presence:
    """What one process shows of itself. Asks and writes on connections of its own."""

    def __init__(self, engine: Engine, kind: str) -> None:
        self._engine = engine
        self._first = {
            "id": new_id(),
            "kind": kind,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": clock.now(),
        }

    def show(self, *, queue_problem: str = "") -> None:
        """Say that this process lives, and what it sees of the queue."""
        now = {"seen_at": clock.now(), "queue_problem": queue_problem}
        mine = update(ProcessSign).where(ProcessSign.id == self._first["id"]).values(**now)
        with by_row_locks(), self._engine.begin() as connection:
            if connection.execute(mine).rowcount:
                return

            connection.execute(insert(ProcessSign).values(**self._first, **now))
            connection.execute(
                delete(ProcessSign).where(ProcessSign.seen_at < clock.now() - _FORGOTTEN)
            )


def is_ahead() -> ColumnElement[bool]:
    """Whether a sign is from before the clock was set back, so that it says nothing of now."""
    return ProcessSign.seen_at >= clock.now() + clock.BELIEVED_AHEAD


def last_seen(kind: str, *, host: str = "") -> datetime | None:
    """When some process of this *kind* showed itself last, on that host or on any.

    Asks on a connection of its own: for those who wait, and hold no transaction meanwhile.
    """
    newest = select(func.max(ProcessSign.seen_at)).where(ProcessSign.kind == kind, ~is_ahead())
    if host:
        newest = newest.where(ProcessSign.host == host)
    with by_row_locks(), db.engine.begin() as connection:
        return connection.scalar(newest)


def is_alive(kind: str, *, host: str = "") -> bool:
    """Say whether some process of this *kind* has shown itself lately; asks as ``last_seen``."""
    seen_at = last_seen(kind, host=host)
    return seen_at is not None and clock.now() - seen_at < _LATELY[kind]


def trouble() -> str:
    """Why what is started waits, for a person; empty if nothing is known to be wrong.

    An installation whose worker has never shown itself is not blamed for it.
    """
    query = (
        select(ProcessSign.seen_at, ProcessSign.queue_problem)
        .where(ProcessSign.kind == WORKER)
        .order_by(is_ahead(), ProcessSign.seen_at.desc())
        .limit(1)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        return ""
    age = clock.now() - row.seen_at
    if not -clock.BELIEVED_AHEAD < age < _LATELY[WORKER] * 2:
        return "No worker is running: what is started waits until one is."
    if row.queue_problem:
        return "The queue does not answer: what is started waits until it does."
    return ""


def living(at: datetime) -> list[str]:
    """Workers and schedulers that live, each in words. Those of this host are looked for; others
    count until they have not shown themselves for a while."""
    newest = select(ProcessSign).where(ProcessSign.seen_at > at - max(_LATELY.values()))
    signs = db.session.scalars(newest.order_by(ProcessSign.kind, ProcessSign.seen_at)).all()
    return [f"{one.kind} {one.pid} on {one.host}" for one in signs if _lives(one, at)]


def _lives(sign: ProcessSign, at: datetime) -> bool:
    if sign.host == socket.gethostname():
        return open_files.is_running(sign.pid)
    return at - sign.seen_at < _LATELY[sign.kind]
