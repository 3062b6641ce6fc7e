"""Choosing what a free worker does next. What arrives by the queue is a hint, never an order.

Looking and claiming are one transaction, and there is one writer at a time (``webapp.database``):
two workers that choose at the same moment cannot exceed a limit together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, or_, select, update

from webapp.domain import admission
from webapp.domain.admission import CLASSES, UNCOUNTED, Load, Waiting
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import Run, Source
from webapp.services import claims, limits_rules
from webapp.services.claims import Claim

FROM_EACH = 8  # so many of one tenant, type and host are looked at: the others are no different
_host: ColumnElement[str] = func.coalesce(
    Source.host, literal_column("''")
)  # no parameter: it is grouped by

Board = list[tuple[Waiting, str]]


def next_due(*, owner: str, at: datetime) -> Claim | None:
    """Claim the run that should be worked on next; None if none may begin. Commits.

    First what a dead worker left, then what waits, as ``domain.admission`` puts it.
    """
    db.session.rollback()
    held = _first(_abandoned(at), owner=owner, at=at)
    if held is None:
        may_begin = (one.run_id for one, why in look(at, of_each=1) if not why)
        held = _first(may_begin, owner=owner, at=at)
    db.session.commit()
    return held


def look(at: datetime, *, of_each: int = FROM_EACH) -> Board:
    """What is due, in order, each with what holds it back. So many of each tenant, type and host,
    those that wait longest: who takes one needs the first of each, whatever else waits."""
    waiting = [
        Waiting(
            run_id=row.id,
            tenant_id=row.tenant_id,
            host=row.host,
            run_type=row.run_type,
            queued_at=row.queued_at,
        )
        for row in db.session.execute(_due(at, of_each))
    ]
    if not waiting:
        return []
    rules = limits_rules.of({one.tenant_id for one in waiting})
    return admission.arrange(waiting, load(at), rules=rules, at=at)


def load(at: datetime) -> Load:
    """What is under way; a run whose worker is gone still has its place."""
    query = (
        select(Run.tenant_id, _host.label("host"), func.count().label("running"))
        .outerjoin(Source, Source.id == Run.source_id)
        .where(Run.status == RunState.RUNNING, Run.run_type.not_in(tuple(UNCOUNTED)))
        .group_by(Run.tenant_id, _host)
    )
    found = Load()
    for tenant_id, host, running in db.session.execute(query):
        found.tenants[tenant_id] += running
        found.hosts[tenant_id, host] += running
    return found


def explain(board: Board, *, at: datetime) -> None:
    """Write beside every run that is due what it waits for. The caller commits."""
    words = {(one.tenant_id, one.run_type, one.host): why for one, why in board}
    query = (
        select(Run.tenant_id, Run.run_type, _host.label("host"), Run.waits_for)
        .outerjoin(Source, Source.id == Run.source_id)
        .where(is_due(at))
        .distinct()
    )
    for tenant_id, run_type, host, told in db.session.execute(query).all():
        why = words.get((tenant_id, run_type, host), "")
        if told != why:
            _tell(tenant_id, run_type, host, why=why, at=at)


def is_due(at: datetime) -> ColumnElement[bool]:
    return (Run.status == RunState.QUEUED) & or_(Run.not_before.is_(None), Run.not_before <= at)


def is_abandoned(at: datetime) -> ColumnElement[bool]:
    return (Run.status == RunState.RUNNING) & (Run.lease_until < at)


def _first(run_ids: Iterable[UUID], *, owner: str, at: datetime) -> Claim | None:
    claimed = (claims.take(run_id, owner=owner, at=at) for run_id in run_ids)
    return next((held for held in claimed if held is not None), None)


def _abandoned(at: datetime) -> list[UUID]:
    query = select(Run.id, Run.run_type).where(is_abandoned(at)).order_by(Run.lease_until)
    found = db.session.execute(query.limit(100)).all()
    return [run_id for run_id, run_type in sorted(found, key=lambda row: CLASSES[row.run_type])]


def _due(at: datetime, of_each: int) -> Any:
    place = func.row_number().over(
        partition_by=(Run.tenant_id, Run.run_type, _host), order_by=(Run.queued_at, Run.id)
    )
    ranked = (
        select(
            Run.id, Run.tenant_id, Run.run_type, Run.queued_at, _host.label("host"),
            place.label("place"),
        )
        .outerjoin(Source, Source.id == Run.source_id)
        .where(is_due(at))
        .subquery()
    )  # fmt: skip
    return select(ranked).where(ranked.c.place <= of_each)


def _tell(tenant_id: UUID, run_type: RunType, host: str, *, why: str, at: datetime) -> None:
    there: ColumnElement[bool] = Run.source_id.in_(
        select(Source.id).where(Source.tenant_id == tenant_id, _host == host)
    )
    if not host:
        there = or_(there, Run.source_id.is_(None))
    db.session.execute(
        update(Run)
        .where(is_due(at), Run.tenant_id == tenant_id, Run.run_type == run_type, there)
        .where(Run.waits_for != why)
        .values(waits_for=why)
        .execution_options(synchronize_session=False)
    )
