"""What customers use: a sample a day each, and the month that is made of them.

A day is one of UTC. Its row is written from the first minute on, brought up to date each hour, and
for the last time in the first minutes of the next day: then ``read_bytes`` is of the whole day,
and the rest is how it stood at the day's last look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from sqlalchemy import ScalarSelect, Table, bindparam, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunType
from webapp.extensions import db
from webapp.models import BackupSet, Run, Source, Tenant, TenantStatus, UsageSample, VaultRecord
from webapp.models.columns import new_id

HOURLY_MINUTE = 23
_LONGEST_WAIT = timedelta(days=31)  # a run that was queued earlier is not looked for
_DAY = timedelta(days=1)
_TABLE = cast(Table, UsageSample.__table__)
_KEPT = ("source_count", "set_count", "protected_bytes", "stored_bytes", "read_bytes")
_IS_THERE = Tenant.status != TenantStatus.GONE


def sample(at: datetime) -> int:
    """A step of the scheduler: look at every customer, once an hour or where the day has no row
    yet; commits. Several schedulers may do this at once.

    Returns:
        How many rows of this day were written.
    """
    today = at.astimezone(UTC).date()
    if at.minute != HOURLY_MINUTE and not _lacks_rows(today):
        return 0
    rows = _rows(today)
    if rows:
        db.session.execute(_upsert(), rows)
        _complete(today - _DAY)
    db.session.commit()
    return len(rows)


def _lacks_rows(day: date) -> bool:
    has = exists().where(UsageSample.tenant_id == Tenant.id, UsageSample.day == day)
    found = db.session.scalar(select(Tenant.id).where(_IS_THERE, ~has).limit(1))
    db.session.rollback()
    return found is not None


def _rows(day: date) -> list[dict[str, Any]]:
    protected = _protected()
    query = (
        select(
            Tenant.id.label("tenant_id"),
            func.coalesce(protected.c.sources, 0).label("source_count"),
            func.coalesce(_set_count(), 0).label("set_count"),
            func.coalesce(protected.c.bytes, 0).label("protected_bytes"),
            func.coalesce(VaultRecord.stored_bytes, 0).label("stored_bytes"),
            func.coalesce(_read_on(day), 0).label("read_bytes"),
        )
        .outerjoin(protected, protected.c.tenant_id == Tenant.id)
        .outerjoin(VaultRecord, VaultRecord.tenant_id == Tenant.id)
        .where(_IS_THERE)
    )
    return [{"id": new_id(), "day": day, **row} for row in db.session.execute(query).mappings()]


def _protected() -> Any:
    """Of each tenant: its sources, and the size of the newest restore point of each."""
    newest = (
        select(BackupSet.total_size)
        .where(
            BackupSet.tenant_id == Source.tenant_id,
            BackupSet.source_id == Source.id,
            BackupSet.backup_type != BackupType.PRE_RESTORE,
            BackupSet.deleted_at.is_(None),
        )
        .order_by(BackupSet.finished_at.desc())
        .limit(1)
        .correlate(Source)
        .scalar_subquery()
    )
    each = (
        select(Source.tenant_id, newest.label("size")).where(Source.removed_at.is_(None)).subquery()
    )
    return (
        select(
            each.c.tenant_id,
            func.count().label("sources"),
            func.coalesce(func.sum(each.c.size), 0).label("bytes"),
        )
        .group_by(each.c.tenant_id)
        .subquery()
    )


def _set_count() -> ScalarSelect[int]:
    return (
        select(func.count())
        .where(BackupSet.tenant_id == Tenant.id, BackupSet.deleted_at.is_(None))
        .correlate(Tenant)
        .scalar_subquery()
    )


def _read_on(day: date) -> ScalarSelect[int]:
    """What captures read that ended on that day, however they ended."""
    begin = datetime.combine(day, time(), UTC)
    return (
        select(func.sum(Run.read_bytes))
        .where(
            Run.tenant_id == Tenant.id,
            Run.run_type == RunType.CAPTURE,
            Run.queued_at >= begin - _LONGEST_WAIT,
            Run.finished_at >= begin,
            Run.finished_at < begin + _DAY,
        )
        .correlate(Tenant)
        .scalar_subquery()
    )


def _upsert() -> sqlite.Insert | postgresql.Insert:
    is_sqlite = db.engine.dialect.name == "sqlite"
    insert: Any = sqlite.insert(_TABLE) if is_sqlite else postgresql.insert(_TABLE)
    return insert.on_conflict_do_update(
        index_elements=["tenant_id", "day"],
        set_={name: insert.excluded[name] for name in _KEPT},
    )


def _complete(day: date) -> None:
    """Let the rows of a day that is over tell of all of it."""
    query = select(
        UsageSample.tenant_id, UsageSample.read_bytes, func.coalesce(_read_on(day), 0)
    ).join(Tenant, Tenant.id == UsageSample.tenant_id)
    found = db.session.execute(query.where(UsageSample.day == day))
    late = [
        {"of": tenant_id, "on": day, "read": read}
        for tenant_id, told, read in found
        if told != read
    ]
    _write(late)


def _write(late: Iterable[Mapping[str, Any]]) -> None:
    rows = list(late)
    if rows:
        db.session.connection().execute(
            update(_TABLE)
            .where(_TABLE.c.tenant_id == bindparam("of"), _TABLE.c.day == bindparam("on"))
            .values(read_bytes=bindparam("read")),
            rows,
        )
