"""What is known of many sources at once, as SQL: one meaning of "newest" and "last" for all pages.

The subqueries find their row by an index that holds nothing else (``ix_backup_sets_good``,
``ix_runs_captured``), however long the history is. Their words are literals, since a partial index
serves only a query that says the same as it does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Float,
    ScalarSelect,
    and_,
    case,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from webapp.domain.health import Health
from webapp.domain.restore_points import PARTS, BackupType, SetStatus
from webapp.domain.runs import ACTIVE, ENDED_BY_ITSELF, RunState, RunType
from webapp.models import BackupSchedule, BackupSet, Run, Source, Tenant
from webapp.models.columns import UtcTime

Condition = ColumnElement[bool]


class MinutesBetween(FunctionElement[float]):
    """From the second moment to the first, on both databases."""

    name = "minutes_between"
    type = Float()
    inherit_cache = True


@compiles(MinutesBetween, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    later, earlier = (compiler.process(one, **options) for one in element.clauses)
    return f"((julianday({later}) - julianday({earlier})) * 1440.0)"


@compiles(MinutesBetween, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    later, earlier = (compiler.process(one, **options) for one in element.clauses)
    return f"(EXTRACT(EPOCH FROM ({later} - {earlier})) / 60.0)"


def newest_good_at() -> ScalarSelect[datetime]:
    """When the newest complete restore point of all of a source was made; beside ``Source``."""
    parts = [
        and_(Source.kind == kind, BackupSet.backup_type.in_(types)) for kind, types in PARTS.items()
    ]
    return (
        select(BackupSet.finished_at)
        .where(
            BackupSet.tenant_id == Source.tenant_id,
            BackupSet.source_id == Source.id,
            BackupSet.status == _said(SetStatus.COMPLETED),
            BackupSet.backup_type != _said(BackupType.PRE_RESTORE),
            BackupSet.deleted_at.is_(None),
            not_(or_(*parts)),
        )
        .order_by(BackupSet.finished_at.desc())
        .limit(1)
        .correlate(Source)
        .scalar_subquery()
    )


def last_capture(column: Any) -> ScalarSelect[Any]:
    """A column of a source's newest capture that ended by itself; a canceled one says nothing."""
    return (
        select(column)
        .where(Run.tenant_id == Source.tenant_id, Run.source_id == Source.id, *captured())
        .order_by(Run.queued_at.desc())
        .limit(1)
        .correlate(Source)
        .scalar_subquery()
    )


def captured() -> tuple[Condition, ...]:
    """Of runs: captures that ended by themselves."""
    ended = [_said(state) for state in ENDED_BY_ITSELF]
    return is_capture(), Run.status.in_(ended)


def is_capture() -> Condition:
    return Run.run_type == _said(RunType.CAPTURE)


def is_running() -> Condition:
    """Whether a capture of the source is queued or under way."""
    active = select(Run.source_id).where(
        Run.status.in_(ACTIVE), Run.run_type == RunType.CAPTURE, Run.source_id.is_not(None)
    )
    return Source.id.in_(active)


def is_scheduled(at: datetime) -> Condition:
    """Whether a schedule that works captures all of the source."""
    working = select(BackupSchedule.source_id).where(works(at))
    whole = [
        and_(Source.kind == kind, Source.id.in_(working.where(_is_none_of(types))))
        for kind, types in PARTS.items()
    ]
    return or_(and_(Source.kind.not_in(PARTS), Source.id.in_(working)), *whole)


def _is_none_of(types: Collection[BackupType]) -> Condition:
    return BackupSchedule.backup_type.not_in(types)


def works(at: datetime) -> Condition:
    """Of schedules: it runs by itself."""
    return and_(
        BackupSchedule.archived_at.is_(None),
        BackupSchedule.is_enabled,
        BackupSchedule.next_run_at.is_not(None),
        or_(BackupSchedule.paused_until.is_(None), BackupSchedule.paused_until <= at),
    )


def known(scope: Iterable[Condition] = (), *more: ColumnElement[Any]) -> CTE:
    """A row for each source in use within *scope* (of ``Source`` and ``Tenant``): ``source_id``,
    ``tenant_id``, ``target`` in minutes, ``good_at``, and *more*. Worked out once, however often a
    query names its columns."""
    usual = Tenant.recovery_point_minutes
    return (
        select(
            Source.id.label("source_id"),
            Source.tenant_id.label("tenant_id"),
            func.coalesce(Source.recovery_point_minutes, usual).label("target"),
            newest_good_at().label("good_at"),
            *more,
        )
        .join(Tenant, Tenant.id == Source.tenant_id)
        .where(Source.removed_at.is_(None), *scope)
        .cte("known")
        .prefix_with("MATERIALIZED")
    )


def work() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """What ``rank`` needs to know besides: ``last`` (a state) and ``is_running``."""
    return last_capture(Run.status).label("last"), is_running().label("is_running")


def strain(known: CTE, at: datetime) -> ColumnElement[float]:
    """How far the newest good restore point's age is towards the target; above 1 it is overdue."""
    return MinutesBetween(literal(at, UtcTime), known.c.good_at) / known.c.target


def rank(known: CTE, at: datetime) -> ColumnElement[int]:
    """``Health.rank`` as ``domain.health.judge`` finds it; a test compares the two. Of what is
    known with ``work``."""
    is_late, nothing = strain(known, at) > 1, known.c.good_at.is_(None)
    is_partial = known.c.last == RunState.PARTIAL
    return case(
        (known.c.last == RunState.FAILED, Health.FAILED.rank),
        (and_(known.c.is_running, or_(nothing, is_late)), Health.RUNNING.rank),
        (and_(nothing, is_partial), Health.PARTIAL.rank),
        (nothing, Health.UNKNOWN.rank),
        (is_late, Health.OVERDUE.rank),
        (is_partial, Health.PARTIAL.rank),
        (known.c.is_running, Health.RUNNING.rank),
        else_=Health.SAFE.rank,
    )


def _said(word: str) -> ColumnElement[Any]:
    return literal_column(f"'{word}'")
