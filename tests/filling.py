"""A row in every table of a database, whatever version it has, by looking at the tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Connection, MetaData, Table, insert

NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC).replace(tzinfo=None)

# Columns that hold one of a list of words, and the few that must say something else.
WORDS = {
    "tenants.status": "active",
    "memberships.role": "operator",
    "one_time_links.purpose": "reset",
    "runs.run_type": "restore_run",
    "runs.status": "succeeded",
    "backup_sets.backup_type": "full",
    "backup_sets.status": "completed",
    "restore_plans.state": "executed",
}


def fill(connection: Connection) -> dict[str, dict[str, Any]]:
    """Put one row into every table, each referring to the others; table to row."""
    tables = MetaData()
    tables.reflect(connection)
    rows: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(tables.sorted_tables, 1):
        if table.name != "alembic_version":
            rows[table.name] = _row(table, number, rows)
            connection.execute(insert(table).values(rows[table.name]))
    return rows


def _row(table: Table, number: int, rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {column.name: _value(column, number, rows) for column in table.columns}


def _value(column: Column[Any], number: int, rows: dict[str, dict[str, Any]]) -> Any:
    targets = [key.column for key in column.foreign_keys]
    for target in targets:
        if target.table.name in rows:
            return rows[target.table.name][target.name]
    if targets:
        return None  # of this very table: the run that a run repeats; there is none
    word = WORDS.get(f"{column.table.name}.{column.name}")
    return word or _of_type(column, number)


def _of_type(column: Column[Any], number: int) -> Any:
    kind = column.type.python_type
    if kind is str and getattr(column.type, "length", None) == 32:
        return UUID(int=number).hex  # how SQLite keeps an id
    if isinstance(column.type, JSON):
        return ["é\u2028"] if column.name in _LISTS else {"é": [1, None]}
    words = f"{column.name} é 'quoted' \U0001f9ea"
    return {
        str: words[: getattr(column.type, "length", None)],
        int: 2**40 if "bytes" in column.name or "size" in column.name else number,
        bool: True,
        date: NOW.date(),
        datetime: NOW,
        UUID: UUID(int=number),
    }[kind]


_LISTS = {
    "granted_roots", "needs_two_people", "recovery_codes", "snapshot_ids", "flags", "scope",
    "checks", "check_findings", "requested_items",
}  # fmt: skip
