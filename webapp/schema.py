"""Which version of the tables a database has, and which one this release needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from webapp import database
from webapp.errors import ConfigError, NotAnswering
from webapp.extensions import db

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def require_usable() -> None:
    """Refuse a database that no tables can be made in, before any are.

    Raises:
        ConfigError: it does not answer, or cannot store every letter.
    """
    try:
        with db.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                encoding = connection.execute(text("SHOW server_encoding")).scalar()
                if encoding != "UTF8":
                    raise ConfigError(
                        f"LASTGOOD_DATABASE_URL: this database stores {encoding}, needed is UTF8."
                    )
    except DBAPIError as error:
        raise NotAnswering(database.told(error)) from None


def current() -> str | None:
    """The version of the tables that the database has; None if it has none.

    Raises:
        NotAnswering: it went down this very moment.
    """
    try:
        with db.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise NotAnswering(database.told(error)) from None


def require_known(revision: str) -> None:
    """Refuse tables that a later release made, before anything is done with them.

    Raises:
        ConfigError: this release does not know their version.
    """
    if revision not in _known():
        raise ConfigError(
            f"The database has version {revision}, made by a later release. Use that release."
        )


def require_changeable() -> None:
    """Refuse to upgrade by a role of PostgreSQL's that may not, before anything is tried.

    Raises:
        ConfigError: the tables have another owner, and are not the newest.
    """
    if db.engine.dialect.name != "postgresql" or current() == _newest():
        return
    with db.engine.connect() as connection:
        may = connection.scalar(_MAY_CHANGE)
    if not may:
        raise ConfigError(
            "This role of PostgreSQL's may not change the tables. Set LASTGOOD_DATABASE_OWNER_URL "
            "to the address of the role that owns them."
        )


_MAY_CHANGE = text(
    "SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT EXISTS (SELECT 1"
    " FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'audit_logs'"
    " AND NOT pg_has_role(tableowner, 'MEMBER'))"
)


def require_newest() -> None:
    """Refuse a database that this release does not fit, before anything is read or written.

    Raises:
        ConfigError: it is older (``lastgood init`` upgrades it) or newer than this release.
    """
    found, newest = current(), _newest()
    if found == newest:
        return
    if found is None or found in _known():
        raise ConfigError(
            f"The database has version {found}, needed is {newest}. Run: lastgood init"
        )
    raise ConfigError(
        f"The database has version {found}, made by a later release. Start that release instead."
    )


@cache  # they are this release's
def _newest() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


@cache
def _known() -> set[str]:
    scripts = ScriptDirectory(str(MIGRATIONS))
    return {script.revision for script in scripts.walk_revisions()}
