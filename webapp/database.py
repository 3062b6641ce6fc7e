"""How connections and transactions begin, on SQLite and on PostgreSQL alike.

Who only looks never waits, and sees one moment. Everybody else is the only writer: SQLite knows it
no other way, and on PostgreSQL a lock that lasts as long as the transaction does the same, so that
what was read before a write is still so when it is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from flask import has_request_context, request
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

BUSY_SECONDS = 15  # how long a writer waits for the one before
IDLE_SECONDS = 60  # a writer that does nothing for so long is gone: its host, or its network
FAILURES = (OperationalError, InterfaceError)  # no answer, or none in time: nobody's mistake

_WRITERS = int.from_bytes(b"lastgood"[:7], "big")  # names the lock in PostgreSQL
_BY_ROWS = f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'"
_ALONE = f"{_BY_ROWS}; SELECT pg_advisory_xact_lock({_WRITERS})"
_LOOKING = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

for_writing: ContextVar[bool] = ContextVar("for_writing", default=False)
_row_locks: ContextVar[bool] = ContextVar("row_locks", default=False)
_looks: ContextVar[bool] = ContextVar("looks", default=False)


@contextmanager
def by_row_locks() -> Iterator[None]:
    """Let PostgreSQL's writers of this block pass those that decide something.

    Only for what writes rows of its own, or by one guarded UPDATE: a lease, progress, a sign of
    life. Nothing that was read before may decide what is written.
    """
    token = _row_locks.set(True)
    try:
        yield
    finally:
        _row_locks.reset(token)


@contextmanager
def one_moment() -> Iterator[None]:
    """Let transactions that begin in this block only read: they see one moment, however long they
    last, nobody waits for them, and they wait for nobody."""
    token = _looks.set(True)
    try:
        yield
    finally:
        _looks.reset(token)


def options(url: str) -> dict[str, Any]:
    """What the engine of this database is made with."""
    # A traceback in the log must not quote what was stored: it may be a customer's.
    always: dict[str, Any] = {"hide_parameters": True}
    if url.startswith("sqlite:"):
        return always
    found = {
        "application_name": "lastgood",
        "connect_timeout": 5,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    # After a restart of the server the connections in the pool are dead: each is asked first.
    return {**always, "pool_pre_ping": True, "connect_args": found}


def lacks_tables(error: DBAPIError) -> bool:
    """Say whether the database answers, but was never set up."""
    return isinstance(error, ProgrammingError) or "no such table" in str(error.orig)


def told(error: DBAPIError) -> str:
    """One sentence about a database that does not answer. The driver's words name no password."""
    reason = " ".join(str(error.orig).split("\n")[0].split())[:300]
    return f"The database does not answer: {reason}. Start it, or look at LASTGOOD_DATABASE_URL."


def _only_reads() -> bool:
    """Pages that are only looked at must not wait for a writer."""
    if for_writing.get():
        return False
    if _looks.get():
        return True
    return has_request_context() and request.method in {"GET", "HEAD", "OPTIONS"}


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        _prepare_sqlite(connection)
    else:
        connection.adapters.register_loader("numeric", _whole_numbers())
        connection.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # our own BEGIN, below
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        "synchronous=FULL",
        "recursive_triggers=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


@cache
def _whole_numbers() -> type:
    """PostgreSQL's sum of whole numbers is a ``numeric``: here it is a whole number again."""
    from psycopg.adapt import Buffer, Loader

    class WholeNumbers(Loader):
        def load(self, data: Buffer) -> int | float:
            text = bytes(data).decode()
            return float(text) if "." in text or not text.lstrip("-").isdigit() else int(text)

    return WholeNumbers


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if _only_reads() else "BEGIN IMMEDIATE")
    elif _only_reads():
        connection.exec_driver_sql(_LOOKING)
    else:
        connection.exec_driver_sql(_BY_ROWS if _row_locks.get() else _ALONE)
