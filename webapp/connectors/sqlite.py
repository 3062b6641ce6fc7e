"""One SQLite database file of this machine; item ``db:<stem of its name>``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, ClassVar

from webapp.connectors.base import Desired, Field, Finding, Planned, Surroundings
from webapp.connectors.database import Copy, Database
from webapp.connectors.database_plan import DatabasePlan
from webapp.connectors.sections import plan_by_section
from webapp.connectors.settings import cleaned_path, require_known
from webapp.errors import ConnectorError, Invalid
from webapp.items import Entry, EntryKind, EntrySource, Json, Report, StoredContent, key_of, path_of

_MAGIC = b"SQLite format 3\x00"


class SqliteConnector:
    """A ``Connector`` for one database."""

    kind: ClassVar[str] = "sqlite"
    label: ClassVar[str] = "SQLite database"
    fields: ClassVar[tuple[Field, ...]] = (
        Field("path", "Database file", "Its full path on this machine.", required=True,
              placeholder="/srv/shop/shop.db"),
    )  # fmt: skip

    def __init__(
        self, config: Mapping[str, str], surroundings: Surroundings, *, wait_seconds: float = 20.0
    ) -> None:
        self.database = Database(
            config["path"], surroundings=surroundings, wait_seconds=wait_seconds
        )

    @classmethod
    def clean(cls, raw: Mapping[str, str]) -> dict[str, str]:
        problems = require_known(raw, cls.fields)
        path = cleaned_path(raw.get("path", ""), "path", problems)
        if problems:
            raise Invalid(problems)
        return {"path": path}

    def check(self) -> list[Finding]:
        return check_database(self.database)

    def source(self, backup_type: str, report: Report) -> EntrySource:
        if backup_type == "files":
            raise ConnectorError("not_supported", "A database has no files to back up alone.")
        return DatabaseSource.captured(self.database)

    def select(self, keys: Iterable[str], report: Report) -> EntrySource:
        return DatabaseSource.selected(self.database, keys, report)

    def plan(
        self,
        desired: Iterable[Desired],
        *,
        stored: StoredContent,
        delete: bool,
        scope: tuple[str, ...],
        types: bool = False,
    ) -> Iterator[Planned]:
        self.database.place()
        yield from plan_by_section(desired, {"db": DatabasePlan(self.database, stored=stored).rows})

    def state(self, key: str) -> str:
        return database_state(self.database)

    def identity(self) -> str:
        return f"sqlite:{database_identity(self.database)}"


class DatabaseSource:
    """The section ``db`` with copies that were made already."""

    def __init__(self, database: Database, copies: list[tuple[Entry, Copy]]) -> None:
        self._database, self._copies = database, copies

    @classmethod
    def captured(cls, database: Database) -> DatabaseSource:
        """Copy the database now.

        Raises:
            ConnectorError: no sound copy can be had.
        """
        entry, copy = database.captured()
        entry.path = b"db/" + database.name
        return cls(database, [(entry, copy)])

    @classmethod
    def selected(cls, database: Database, keys: Iterable[str], report: Report) -> DatabaseSource:
        """Copy the database for a safety capture, if one of *keys* means it and it is there.

        A damaged database is kept byte by byte: else it could never be replaced.
        """
        key = next((key for key in keys if key.startswith("db:") and key != "db:"), None)
        if key is None:
            return cls(database, [])
        try:
            entry, copy = _sound_or_raw(database, report)
        except ConnectorError as error:
            if error.code != "not_found":
                report.failed(key, error.code, str(error))
            return cls(database, [])
        entry.path = path_of(key)
        return cls(database, [(entry, copy)])

    def entries(self) -> Iterator[Entry]:
        if self._copies:
            yield Entry(path=b"db", kind=EntryKind.FOLDER, mode=0o700)
        yield from (entry for entry, _ in self._copies)

    def open(self, entry: Entry) -> BinaryIO:
        copy = next(copy for found, copy in self._copies if found.path == entry.path)
        return copy.path.open("rb", buffering=0)

    def facts(self) -> Mapping[str, Json]:
        return {
            key_of(entry.path): copy.contents.facts()
            for entry, copy in self._copies
            if copy.contents is not None
        }

    def close(self) -> None:
        for _, copy in self._copies:
            self._database.drop(copy)


def check_database(database: Database) -> list[Finding]:
    """Look at a database file: there, inside the bounds, readable, and a database by its head."""
    try:
        with database.folder() as folder:
            if database.entry(folder) is None:
                raise ConnectorError("not_found", f"{database.path} does not exist.")
            with folder.open(database.file_name()) as file:
                head = file.read(100)
    except ConnectorError as error:
        return [Finding(level="error", message=str(error), code=error.code)]
    except OSError:
        message = f"{database.path} may not be read by the backup user."
        return [Finding(level="error", message=message, code="not_allowed")]
    if not head.startswith(_MAGIC):
        message = f"{database.path} is not a SQLite database."
        return [Finding(level="error", message=message, code="damaged")]
    return [Finding(level="ok", message=f"{database.path} is a SQLite database and readable.")]


def database_state(database: Database) -> str:
    """The digest of the live database; empty if there is none."""
    copy = database.as_it_is()
    database.drop(copy)
    return copy.digest if copy else ""


def database_identity(database: Database) -> str:
    """The file's path; and device and inode of the folder it is in, since a restore may put a new
    file in the place of a damaged one."""
    place = database.place()
    try:
        status = os.stat(place.real.rpartition(b"/")[0] or b"/")
    except OSError:
        return f"{os.fsdecode(place.real)}|"
    return f"{os.fsdecode(place.real)}|{status.st_dev}:{status.st_ino}"


def _sound_or_raw(database: Database, report: Report) -> tuple[Entry, Copy]:
    try:
        return database.captured()
    except ConnectorError as error:
        if error.code != "damaged":
            raise
    report.note("The live database is damaged; its file is kept byte by byte.")
    return database.raw()
