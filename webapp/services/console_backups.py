"""Backing up the console itself: what its next machine needs, except for the keys.

One file holds the database, always as SQLite, whichever database is in use; others hold the
settings. The master key is on the recovery sheet, the queue is rebuilt from the rows, and tenants'
vaults are the backups themselves: none of them is in here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from webapp import schema
from webapp.connectors import sqlite_copy
from webapp.domain.actors import Actor
from webapp.errors import Conflict, ConnectorError, Invalid, Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import INSTALLATION_CHAIN, AuditEntry, Tenant
from webapp.services import audit, installation
from webapp.services.settings_texts import settings_text

DATABASE = b"db/lastgood"
SETTINGS = "settings.env"
BACKED_UP = "console.backed_up"
_CONFIG = b"config/"
_LOCKED_SECONDS = 20.0


@contextmanager
def workplace() -> Iterator[Path]:
    """A private, empty folder for the copy, gone afterwards; one backup at a time.

    Raises:
        Conflict: another backup of the console is under way on this machine.
    """
    scratch = installation.settings().scratch
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (scratch / ".console.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("Another backup of the console is under way on this machine.") from None
        folder = scratch / "console"
        shutil.rmtree(folder, ignore_errors=True)  # a killed one may have left its copy
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def copy_file(database: Path, copy: Path) -> None:
    """Copy a live SQLite database by its online backup: one moment, and writers go on.

    Raises:
        ConnectorError: it cannot be read, or is damaged.
    """
    status = database.stat()
    try:
        sqlite_copy.copy_online(
            os.fsencode(os.path.realpath(database)),
            copy,
            identity=(status.st_dev, status.st_ino),
            wait_seconds=_LOCKED_SECONDS,
        )
    except sqlite_copy.NeedsStillCopy as error:
        raise ConnectorError("read_error", f"The database cannot be opened: {error}.") from None
    make_whole(copy)


def make_whole(file: Path) -> None:
    """Let one file hold all of a SQLite database that nobody has open, and check it.

    Raises:
        ConnectorError: it is damaged.
    """
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise ConnectorError("damaged", f"The console's database is damaged: {verdict}.")


def files(database: Path, *, also: Sequence[Path], environ: Mapping[str, str]) -> dict[bytes, Path]:
    """What goes into a backup: path in the backup → file. Writes the settings beside *database*.

    Raises:
        Invalid: two files have one name, or one cannot be read.
        Refused: ``master_key``: that file never lies in a vault.
    """
    settings = database.with_name(SETTINGS)
    settings.write_text(settings_text(environ))
    found = {DATABASE: database, _CONFIG + SETTINGS.encode(): settings}
    for file in also:
        _require_no_key(file)
        path = _CONFIG + os.fsencode(file.name)
        if path in found:
            raise Invalid({"also": f"Two files are called {file.name}: give one of them."})
        found[path] = file
    return found


def facts(*, at: datetime) -> Json:
    """What a snapshot says of itself before it is opened."""
    tenants = db.session.scalar(select(func.count(Tenant.id))) or 0
    db.session.rollback()
    return {
        "console": 1,
        "revision": schema.current(),
        "key_fingerprint": installation.ring().fingerprint,
        "database": db.engine.dialect.name,
        "tenants": tenants,
        "host": socket.gethostname(),
        "copied_at": at.isoformat(),
    }


def last_at(address: str) -> datetime | None:
    """When the console was last backed up into the vault at *address*."""
    query = (
        select(AuditEntry.at, AuditEntry.details)
        .where(AuditEntry.chain == INSTALLATION_CHAIN, AuditEntry.action == BACKED_UP)
        .order_by(AuditEntry.seq.desc())
        .limit(1000)
    )
    rows = db.session.execute(query).all()
    db.session.rollback()
    return next((at for at, details in rows if details.get("address") == address), None)


def last_address() -> str:
    """Where the newest backup of the console went; empty if there is none."""
    query = (
        select(AuditEntry.details)
        .where(AuditEntry.chain == INSTALLATION_CHAIN, AuditEntry.action == BACKED_UP)
        .order_by(AuditEntry.seq.desc())
        .limit(1)
    )
    details = db.session.scalar(query) or {}
    db.session.rollback()
    return str(details.get("address", ""))


def record(actor: Actor, made: Json, *, address: str) -> None:
    """Put the backup into the audit log, and commit."""
    told = {name: made[name] for name in ("snapshot_id", "vault_id", "bytes")}
    details = {"address": address, **told}
    audit.record(actor, BACKED_UP, tenant=None, details=details)
    db.session.commit()


def _require_no_key(file: Path) -> None:
    key = installation.ring().master.hex().encode()
    try:
        held = file.read_bytes()
    except OSError as error:
        raise Invalid({"also": f"{file} cannot be read: {error.strerror}."}) from None
    if key in held.lower():
        raise Refused(
            "master_key",
            f"{file} holds the master key, which never lies in a vault: lastgood console sheet",
        )
