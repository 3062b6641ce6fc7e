"""All rows of one database copied into another, whichever engines they have, and compared.

Rows go as they are stored: no rule that a model has for new values is applied to them again. A
table's digest is a sum over its rows, so it is the same in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Enum,
    MetaData,
    Row,
    String,
    Table,
    Text,
    bindparam,
    cast,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from webapp.errors import Refused
from webapp.extensions import db

Tell = Callable[[int, int, str], None]
_AT_ONCE = 1000
_BITS = 256


@dataclass(frozen=True)
class Copied:
    """What a table holds: two tables with the same rows are equal."""

    table: str
    rows: int
    digest: str


def tables() -> list[Table]:
    """All tables of ours, each behind those that it refers to."""
    return list(db.metadata.sorted_tables)


def copy(source: Connection, target: Connection, *, tell: Tell) -> list[Copied]:
    """Copy every row, read all of it back and compare. The caller commits the *target*.

    Args:
        tell: progress, in tables.

    Raises:
        Refused: ``cannot_be_stored``, ``copy_differs``: roll the target back.
    """
    done, wanted = [], tables()
    for number, table in enumerate(wanted):
        tell(number, len(wanted), table.name)
        copied = _copy_table(table, source, target)
        if measured(table, target) != copied:
            raise Refused("copy_differs", f"The copy of {table.name} differs from the original.")
        done.append(copied)
    tell(len(wanted), len(wanted), "compared")
    return done


def measured(table: Table, connection: Connection) -> Copied:
    """Count and digest of the rows that *table* has in this database."""
    tally = _Tally()
    for batch in _batches(_plain(table, connection), connection):
        tally.add(batch)
    return tally.of(table)


def is_empty(table: Table, connection: Connection) -> bool:
    return connection.execute(select(*table.primary_key).limit(1)).first() is None


class _Tally:
    def __init__(self) -> None:
        self._rows = self._sum = 0

    def add(self, rows: Iterable[Row[Any]]) -> None:
        for row in rows:
            words = repr(tuple(row)).encode("utf-8", "surrogatepass")
            digest = blake2b(words, digest_size=_BITS // 8).digest()
            self._sum = (self._sum + int.from_bytes(digest)) % (1 << _BITS)
            self._rows += 1

    def of(self, table: Table) -> Copied:
        return Copied(table.name, self._rows, f"{self._sum:0{_BITS // 4}x}")


def _copy_table(table: Table, source: Connection, target: Connection) -> Copied:
    tally, links = _Tally(), _Links(table)
    into = _plain(table, target)
    for batch in _batches(_plain(table, source), source):
        tally.add(batch)
        _put(into, [links.without(row._asdict()) for row in batch], target)
    links.put_back(into, target)
    return tally.of(table)


def _put(table: Table, rows: Sequence[dict[str, Any]], target: Connection) -> None:
    try:
        target.execute(insert(table), list(rows))
    except (DataError, IntegrityError) as error:
        reason = " ".join(str(error.orig).split("\n")[0].split())[:200]
        raise Refused(
            "cannot_be_stored", f"A row of {table.name} does not fit the new database: {reason}"
        ) from None


class _Links:
    """References of a table's rows to other rows of the same table, such as the run that a run
    repeats: set when all rows are there."""

    def __init__(self, table: Table) -> None:
        self._names = [
            element.parent.name
            for constraint in table.foreign_key_constraints
            if constraint.referred_table is table
            for element in constraint.elements
            if element.parent.nullable
        ]
        self._later: list[dict[str, Any]] = []

    def without(self, row: dict[str, Any]) -> dict[str, Any]:
        if all(row[name] is None for name in self._names):
            return row
        self._later.append({"its_id": row["id"], **{f"its_{n}": row[n] for n in self._names}})
        return {**row, **dict.fromkeys(self._names)}

    def put_back(self, table: Table, target: Connection) -> None:
        if not self._later:
            return
        values: dict[str, Any] = {name: bindparam(f"its_{name}") for name in self._names}
        mine = update(table).where(table.c.id == bindparam("its_id")).values(values)
        target.execute(mine, self._later)


def _batches(table: Table, connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    options = {"yield_per": _AT_ONCE}
    with connection.execute(select(table), execution_options=options) as found:
        yield from found.partitions()


def _plain(table: Table, connection: Connection) -> Table:
    """*table* as this engine stores it, without what the models make of its columns."""
    name = connection.dialect.name
    columns = (
        Column(one.name, _stored(one.type, name), primary_key=one.primary_key)
        for one in table.columns
    )
    return Table(table.name, MetaData(), *columns)


def _stored(kind: TypeEngine[Any], dialect: str) -> TypeEngine[Any]:
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, JSON):
        return _JsonText() if dialect == "postgresql" else _LooseText()
    return String() if isinstance(kind, Enum) else kind


class _LooseText(TypeDecorator[str]):
    """SQLite keeps a document that looks like a number as one."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else str(value)


class _JsonText(TypeDecorator[str]):
    """A document to the letter: a JSON null is not the same as nothing at all."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[str]) -> ColumnElement[str]:
        return cast(bindparam, JSON)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        return cast(column, Text)
