"""Flask extensions and the doorbell: created once, bound in ``create_app``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase

from webapp.database import for_writing

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


@contextmanager
def write_transaction() -> Iterator[None]:
    """Let a GET request write, such as the audit row of a download.

    A transaction that began by reading cannot always be turned into a writing one, so the one
    under way is ended first, and the block's own is committed at its end.
    """
    db.session.rollback()
    token = for_writing.set(True)
    try:
        yield
        db.session.commit()
    finally:
        for_writing.reset(token)
        db.session.rollback()


def insert_if_new(model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of *model* that leaves alone what is there already."""
    if db.engine.dialect.name == "sqlite":
        return sqlite.insert(model).on_conflict_do_nothing()
    return postgresql.insert(model).on_conflict_do_nothing()
