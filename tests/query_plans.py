"""How the database goes about what pages ask: what reads more of a large table than a page shows.

On SQLite, which knows no statistics here, a plan is the same with no rows and with a million. On
PostgreSQL reading a whole table is made so dear that it is only done where no index will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy.engine import Connection, Engine

from bench.loading.asking import Statement

LARGE = (
    "audit_logs", "backup_items", "backup_schedule_runs", "backup_sets", "notifications",
    "run_events", "run_items", "runs",
)  # fmt: skip
_NAMED = f"({'|'.join(LARGE)})(_[0-9]+)?"
# Walked from its newest row on until the page is full.
_WALKED = "ix_runs_queued"
_SCANNED = re.compile(rf"^SCAN {_NAMED}\b(?!.*\b{_WALKED}\b)")
_OF_A_TENANT = re.compile(rf"^SEARCH {_NAMED} .*INDEX uq_\w+_tenant_id_id \(tenant_id=\?\)$")
_READ = re.compile(rf"^(SCAN|SEARCH) {_NAMED}\b")
_SORTED = "USE TEMP B-TREE FOR ORDER BY"
_SEQUENTIAL = re.compile(rf"Seq Scan on {_NAMED}\b")


def complaints(engine: Engine, statement: Statement, *, may_sort: bool) -> list[str]:
    """What is wrong with the plan of a SELECT: lines of the plan, and none if all is well.

    Args:
        may_sort: rows of large tables may be sorted, as those of many tenants must be.
    """
    text, parameters = statement
    if not text.lstrip().upper().startswith(("SELECT", "WITH")):
        return []
    with engine.connect() as connection:
        lines = _plan(connection, text, parameters)
        connection.rollback()
    if engine.dialect.name == "postgresql":
        return [line for line in lines if _SEQUENTIAL.search(line)]
    return list(_of_sqlite(lines, may_sort=may_sort))


def _plan(connection: Connection, text: str, parameters: object) -> list[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
        return [str(row[-1]) for row in rows]
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {text}", parameters)]


def _of_sqlite(lines: list[str], *, may_sort: bool) -> Iterator[str]:
    reads_large = any(_READ.match(line) and not line.endswith("(id=?)") for line in lines)
    sorts = reads_large and not may_sort
    for line in lines:
        reads_much = _SCANNED.match(line) or _OF_A_TENANT.match(line) or "AUTOMATIC" in line
        if reads_much or (line == _SORTED and sorts):
            yield line
