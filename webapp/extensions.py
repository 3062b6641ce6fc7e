"""Flask extensions and the doorbell: created once, bound in ``create_app``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from uuid import UUID

from flask import has_request_context, request
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx
from sqlalchemy import MetaData, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase

BUSY_SECONDS = 15

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Doorbell:
    """Tells a worker that a run waits. What rings is injected: the queue, or nothing in tests."""

    def __init__(self) -> None:
        self.ring: Callable[[UUID], None] = lambda run_id: None


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base  # what db.Model is; the type checker cannot follow the extension
else:
    Model = db.Model
migrate = Migrate()
login = LoginManager()
htmx = Htmx()
csrf = CSRFProtect()
doorbell = Doorbell()

_for_writing: ContextVar[bool] = ContextVar("for_writing", default=False)


@contextmanager
def write_transaction() -> Iterator[None]:
    """Let a GET request write, such as the audit row of a download.

    A transaction that began by reading cannot always be turned into a writing one in SQLite, so
    the one under way is ended first, and the block's own is committed at its end.
    """
    db.session.rollback()
    token = _for_writing.set(True)
    try:
        yield
        db.session.commit()
    finally:
        _for_writing.reset(token)
        db.session.rollback()


def _only_reads() -> bool:
    """Pages that are only looked at must not wait for the one writer that SQLite allows."""
    if _for_writing.get():
        return False
    return has_request_context() and request.method in {"GET", "HEAD", "OPTIONS"}


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: object, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # our own BEGIN, below
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        "synchronous=FULL",
        "recursive_triggers=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if _only_reads() else "BEGIN IMMEDIATE")
