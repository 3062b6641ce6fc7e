"""Two roles on PostgreSQL: one owns the tables, the other works with them.

Whoever owns a table may take its triggers away. So where the application's own role owns nothing,
what it may do to the audit log is what it was granted: to read it, and to add to it.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError

from webapp import database
from webapp.errors import ConfigError, NotAnswering
from webapp.extensions import db

_TABLES = "SELECT, INSERT, UPDATE, DELETE"
_STATEMENTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    f"GRANT {_TABLES} ON ALL TABLES IN SCHEMA {{schema}} TO {{role}}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    # What a later release makes, even before its ``lastgood init`` comes to this.
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{schema}} GRANT {_TABLES} ON TABLES TO {{role}}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    "REVOKE ALL ON audit_logs, audit_heads, alembic_version FROM {role}",
    "GRANT SELECT, INSERT ON audit_logs TO {role}",
    "GRANT SELECT, INSERT, UPDATE ON audit_heads TO {role}",
    "GRANT SELECT ON alembic_version TO {role}",
)


def require_apart(application_url: str) -> None:
    """Look, before any table is made, whether the application's role is another than ours.

    Raises:
        ConfigError: it is the same, may act as ours, is nobody's, or no PostgreSQL's at all.
    """
    role = _role_of(application_url)
    try:
        with db.engine.connect() as connection:
            known = connection.scalar(_KNOWN, {"role": role})
            is_ours = known and connection.scalar(_MAY_ACT_AS_US, {"role": role})
    except DBAPIError as error:
        raise NotAnswering(database.told(error)) from None
    if not known:
        raise ConfigError(f"LASTGOOD_DATABASE_URL: PostgreSQL knows no role {role}.")
    if is_ours:
        raise ConfigError(
            f"LASTGOOD_DATABASE_URL: the role {role} may do all that the owner of the tables may. "
            "Make it one that is neither superuser nor member of that of "
            "LASTGOOD_DATABASE_OWNER_URL, or leave this variable away."
        )


_KNOWN = text("SELECT true FROM pg_roles WHERE rolname = :role")
_MAY_ACT_AS_US = text("SELECT pg_has_role(CAST(:role AS name), current_user, 'MEMBER')")


def let_in(application_url: str) -> None:
    """Let the application's role work with all tables, and only add to the audit log. Commits.

    Safe to repeat: after each upgrade it is.
    """
    with db.engine.begin() as connection:
        names = {
            "role": _quoted(connection, _role_of(application_url)),
            "schema": _quoted(connection, str(connection.scalar(text("SELECT current_schema()")))),
        }
        for statement in _STATEMENTS:
            connection.exec_driver_sql(statement.format(**names))


def _role_of(url: str) -> str:
    role = make_url(url).username
    if not role or not url.startswith("postgresql"):
        raise ConfigError(
            "LASTGOOD_DATABASE_URL must name a role, postgresql://ROLE@host/NAME, "
            "where LASTGOOD_DATABASE_OWNER_URL is set."
        )
    return role


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
