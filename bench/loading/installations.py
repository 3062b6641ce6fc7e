"""Installations of a bench's own: on SQLite, or on a PostgreSQL server that it starts and stops.

Unlike those of the tests they keep what was committed, as a customer's do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate

from tests.postgres import Cluster, programs
from webapp import create_app
from webapp.extensions import db
from webapp.services import keys
from webapp.settings import Settings

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)
_AS_IN_USE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "512MB",
}


class Durable(Cluster):
    """As one that customers rely on: it syncs, and keeps statistics."""

    def start(self) -> None:
        self._settings.update(_AS_IN_USE)
        super().start()


def available(wanted: list[str]) -> list[str]:
    """Those of the databases that this machine has."""
    return [kind for kind in wanted if kind == SQLITE or programs() is not None]


@contextmanager
def installed(kind: str, work: Path | None = None) -> Iterator[Settings]:
    """A data folder with keys and a migrated, empty database; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=work, prefix=f"bench-{kind}-") as place:
        home = Path(place)
        with _addresses(kind, home) as (database_url, queue_url):
            settings = Settings(
                home=home,
                database_url=database_url,
                queue_url=queue_url,
                master_key_file=home / "master.key",
            )
            _prepare(settings)
            yield settings


@contextmanager
def _addresses(kind: str, home: Path) -> Iterator[tuple[str, str]]:
    """Where database and queue lie: files, or two databases of one server."""
    if kind == SQLITE:
        yield f"sqlite:///{home / 'lastgood.db'}", f"sqlite:///{home / 'queue.db'}"
        return
    cluster = Durable()
    try:
        cluster.create("queue")
        yield cluster.create("lastgood"), cluster.dsn("queue")
    finally:
        cluster.stop()


def _prepare(settings: Settings) -> None:
    with create_app(settings, unlock=False).app_context():
        flask_migrate.upgrade()
        keys.create(settings)
        db.session.remove()
        db.engine.dispose()


def settle() -> None:
    """Let the database know what it holds, as it does by itself after a while."""
    connection = db.engine.raw_connection()
    try:
        if db.engine.dialect.name == POSTGRESQL:
            connection.rollback()
            connection.driver_connection.autocommit = True  # type: ignore[union-attr]
            connection.cursor().execute("VACUUM ANALYZE")
            connection.driver_connection.autocommit = False  # type: ignore[union-attr]
        else:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
