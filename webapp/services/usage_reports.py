"""The use of a month: on a page, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, exists, select

from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.usage import Month, Used, add_up
from webapp.extensions import db
from webapp.models import Tenant, TenantStatus, UsageSample
from webapp.services import access as gate
from webapp.services import csv_files
from webapp.services.access import Access

COLUMNS = (
    "month", "tenant", "name", "environment",
    *(one.name for one in fields(Used)), "quota_bytes",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """One customer's month."""

    month: Month
    slug: str
    name: str
    environment: str
    quota_bytes: int | None
    used: Used
    has_left: bool = False


@dataclass(frozen=True)
class Reader:
    """Whose use may be read: one tenant's, or with None all. Made by this module only."""

    tenant: Tenant | None


def of_all(actor: Actor) -> Reader:
    """Raises:
    Forbidden: no MSP admin.
    """
    gate.require_msp_admin(actor)
    return Reader(None)


def of_tenant(access: Access) -> Reader:
    access.require(Permission.VIEW)
    return Reader(access.tenant)


def lines(reader: Reader, month: Month) -> Iterator[Line]:
    """Each customer with a sample in that month, by short name; read as they are asked for.

    Those that have left are among them: their last month is theirs to pay.
    """
    yield from _lines(_query(reader, month), month)


def _lines(query: Any, month: Month) -> Iterator[Line]:
    rows = db.session.execute(query, execution_options={"yield_per": 1000})
    for (slug, name, environment, quota_bytes, status), days in groupby(rows, key=_tenant_of):
        yield Line(
            month=month,
            slug=slug,
            name=name,
            environment=environment,
            quota_bytes=quota_bytes,
            used=add_up(row.UsageSample for row in days),
            has_left=status is TenantStatus.GONE,
        )


def page(reader: Reader, month: Month, *, after: str = "", limit: int = 50) -> list[Line]:
    """Some customers of ``lines``, from the one behind the short name *after* on. Two queries."""
    slugs = select(Tenant.slug).where(
        Tenant.slug > after,
        exists().where(UsageSample.tenant_id == Tenant.id, *_in_month(month)),
    )
    if reader.tenant is not None:
        slugs = slugs.where(Tenant.id == reader.tenant.id)
    chosen = list(db.session.scalars(slugs.order_by(Tenant.slug).limit(limit)))
    return list(_lines(_query(reader, month).where(Tenant.slug.in_(chosen)), month))


def months_of(access: Access, *, last: Month, count: int = 12) -> list[Line]:
    """A tenant's newest months that have samples, the newest first. One query."""
    access.require(Permission.VIEW)
    first = last
    for _ in range(count - 1):
        first = first.before
    query = (
        select(UsageSample)
        .where(
            UsageSample.tenant_id == access.tenant.id,
            UsageSample.day >= first.first,
            UsageSample.day < last.following.first,
        )
        .order_by(UsageSample.day)
    )
    tenant, found = access.tenant, db.session.scalars(query)
    by_month = groupby(found, key=lambda sample: Month.of(sample.day))
    return [
        Line(
            month=month,
            slug=tenant.slug,
            name=tenant.name,
            environment=tenant.environment_label,
            quota_bytes=tenant.quota_bytes,
            used=add_up(samples),
        )
        for month, samples in by_month
    ][::-1]


def csv_lines(reader: Reader, month: Month) -> Iterator[str]:
    """CSV with a head, a line a customer. No cell can be taken for a formula."""
    yield csv_files.line(COLUMNS)
    for one in lines(reader, month):
        document = as_document(one)
        yield csv_files.line(document[name] for name in COLUMNS)


def as_document(line: Line) -> dict[str, Any]:
    """The line as exports and commands show it."""
    return {
        "month": str(line.month),
        "tenant": line.slug,
        "name": line.name,
        "environment": line.environment,
        **asdict(line.used),
        "quota_bytes": line.quota_bytes,
    }


def _query(reader: Reader, month: Month) -> Any:
    query = (
        select(
            Tenant.slug,
            Tenant.name,
            Tenant.environment_label,
            Tenant.quota_bytes,
            Tenant.status,
            UsageSample,
        )
        .join(UsageSample, UsageSample.tenant_id == Tenant.id)
        .where(*_in_month(month))
        .order_by(Tenant.slug, UsageSample.day)
    )
    return query if reader.tenant is None else query.where(Tenant.id == reader.tenant.id)


def _in_month(month: Month) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return UsageSample.day >= month.first, UsageSample.day < month.following.first


def _tenant_of(row: Any) -> tuple[str, str, str, int | None, TenantStatus]:
    return (row.slug, row.name, row.environment_label, row.quota_bytes, row.status)
