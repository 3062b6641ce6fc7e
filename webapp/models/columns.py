"""Column types and mixins that every table shares."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import JSON, DateTime, Dialect, Enum, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

from webapp.domain import redaction


class UtcTime(TypeDecorator[datetime]):
    """An aware moment. Stored as UTC, whatever zone it came in; refuses one without a zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class SafeText(TypeDecorator[str]):
    """Words of others (a storage's answer, a person's reason), stored without any secret."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else redaction.safe(value)


class SafeJson(TypeDecorator[Any]):
    """A document of such words, stored without any secret."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> Any:
        return redaction.safe_json(value)


def new_id() -> UUID:
    """A UUIDv7: sorts by the time it was made, and is never authority by itself."""
    return uuid_utils.uuid7()


def words(kind: type[StrEnum]) -> Enum:
    """A column of one of *kind*'s words, stored as text so that a new word needs no migration."""
    return Enum(kind, native_enum=False, length=24, values_callable=list, create_constraint=False)


class Identified:
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class TenantOwned(Identified):
    """A row of one tenant. (tenant_id, id) is unique so that other rows can refer to both:
    the database itself then refuses a mix of two tenants."""

    @declared_attr
    def tenant_id(cls) -> Mapped[UUID]:  # noqa: N805 - SQLAlchemy calls it with the class
        return mapped_column(ForeignKey("tenants.id"))

    @declared_attr.directive
    def __table_args__(cls) -> tuple[SchemaItem, ...]:  # noqa: N805
        return tenant_args(cls.__tablename__)  # type: ignore[attr-defined]


def tenant_args(table: str, *others: SchemaItem) -> tuple[SchemaItem, ...]:
    """The table arguments of a tenant-owned table that has some of its own."""
    return (UniqueConstraint("tenant_id", "id", name=f"uq_{table}_tenant_id_id"), *others)
