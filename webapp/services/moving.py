"""Moving the console's database into another, empty one: every table, compared row by row.

The old database is only read, and nobody writes to it meanwhile. The new one gets all rows in one
transaction: a move that is cut short leaves tables without rows, and can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, select, text
from sqlalchemy.engine import Connection, Engine, make_url

from webapp.database import one_moment
from webapp.domain.actors import Actor
from webapp.errors import Refused
from webapp.extensions import db
from webapp.hosts import open_files
from webapp.models import INSTALLATION_CHAIN, AuditHead, Tenant
from webapp.services import audit, audit_chain, processes, table_copies
from webapp.services.table_copies import Copied, Tell

_STOP = "Stop web server, worker and scheduler on every machine, then move."


def engine() -> Engine:
    """That of the application whose context is open."""
    return db.engine


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None if it is another sort of database."""
    parts = make_url(url)
    return Path(parts.database or "") if parts.get_backend_name() == "sqlite" else None


def require_still(url: str, *, at: datetime) -> None:
    """Make sure that nobody works with the old database: what they wrote would stay behind.

    Raises:
        Refused: ``in_use``; names the processes.
    """
    found = processes.living(at)
    db.session.rollback()
    if found:
        raise Refused("in_use", f"Somebody works with this database: {', '.join(found)}. {_STOP}")
    file = sqlite_file(url)
    users = open_files.users_of(_files_of(file)) if file else []
    if users:
        named = ", ".join(f"{pid} ({open_files.program_of(pid)})" for pid in users)
        raise Refused("in_use", f"Processes have the database open: {named}. {_STOP}")


def require_room() -> None:
    """Make sure that the database of the open context holds nothing of ours.

    Raises:
        Refused: ``not_empty``.
    """
    with one_moment(), db.engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        ours = [table for table in table_copies.tables() if table.name in there]
        if ours and not _is_only_prepared(connection, [table.name for table in ours]):
            raise Refused(
                "not_empty",
                f"The new database is not empty: it has a table {ours[0].name}. Make a new one.",
            )


def move(source: Engine, *, tell: Tell) -> list[Copied]:
    """Copy all rows of *source* into the database of the open context, and commit.

    Raises:
        Refused: ``cannot_be_stored``, ``copy_differs``; nothing was kept.
    """
    with source.connect() as old, db.engine.begin() as new:
        done = table_copies.copy(old, new, tell=tell)
        if new.dialect.name == "postgresql":
            new.execute(text("ANALYZE"))  # else its first queries are planned for empty tables
    return done


def copy_out(source: Engine, *, tell: Tell) -> list[Copied]:
    """The same while others go on working with *source*: one moment of it is copied."""
    with source.connect() as old:
        with one_moment():
            old.begin()
        with db.engine.begin() as new:
            return table_copies.copy(old, new, tell=tell)


def audit_problems() -> list[str]:
    """What is wrong with the audit chains of the open context's database, one sentence each."""
    slugs = {one.id: one.slug for one in db.session.execute(select(Tenant.id, Tenant.slug))}
    slugs[INSTALLATION_CHAIN] = "the installation"
    chains = db.session.scalars(select(AuditHead.chain).order_by(AuditHead.chain)).all()
    verdicts = ((chain, audit_chain.verify(chain)) for chain in {*chains, *slugs})
    found = [
        f"The audit log of {slugs.get(chain, chain)} is not whole: {verdict.problem}"
        for chain, verdict in verdicts
        if not verdict.ok
    ]
    db.session.rollback()
    return sorted(found)


def record(actor: Actor, done: Iterable[Copied]) -> None:
    """Let the new database's audit log say where its rows come from, and commit."""
    counts = [one.rows for one in done]
    details = {"tables": len(counts), "rows": sum(counts)}
    audit.record(actor, "installation.database_moved", tenant=None, details=details)
    db.session.commit()


def _is_only_prepared(connection: Connection, names: list[str]) -> bool:
    """Whether a move made the tables and came no further."""
    tables = table_copies.tables()
    if len(names) < len(tables):
        return False
    return all(table_copies.is_empty(table, connection) for table in tables)


def _files_of(database: Path) -> list[Path]:
    return [database, *(database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm"))]
