"""What a SQLite database holds, apart from how its file is laid out.

Only ever used on copies in scratch: opening a live database can leave a trace.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from blake3 import blake3

from webapp.items import Json

_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\s+TABLE", re.IGNORECASE)
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The logical content of one database.

    Attributes:
        digest: over schema and all rows; two databases with the same one need no restore.
        schema: digest of the whole schema.
        rows: number of rows by table; the engine's own tables are not listed.
        tables: digest of the rows by table.
        shapes: digest of each table's own definitions, indexes and triggers included.
    """

    digest: str
    schema: str
    page_size: int
    user_version: int
    rows: Mapping[str, int]
    tables: Mapping[str, str]
    shapes: Mapping[str, str]

    def facts(self) -> Json:
        """What a snapshot keeps of it, to be shown without opening the copy."""
        return {
            "engine": "sqlite",
            "digest": self.digest,
            "schema": self.schema,
            "page_size": self.page_size,
            "user_version": self.user_version,
            "tables": dict(self.rows),
            "digests": dict(self.tables),
        }


def uri(path: Path, options: str) -> str:
    """Name a file for ``sqlite3.connect(…, uri=True)``, whatever bytes its name has."""
    return f"file:{quote(bytes(path))}?{options}"


def contents_of(path: Path) -> Contents:
    """Read a whole database, a copy in scratch.

    Raises:
        sqlite3.Error: it is not a sound database, or uses what this SQLite does not have.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return _read(database)


def unsoundness(path: Path) -> str:
    """Check a copy in scratch as deeply as SQLite can; empty if all is well.

    A database that needs functions or modules of its own program cannot be checked to the end
    here, and is not called unsound for that.
    """
    if path.stat().st_size == 0:
        return "The file is empty."
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.text_factory = _lenient
            found = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
    except sqlite3.OperationalError as error:
        return "" if "no such" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(found)


def _read(database: sqlite3.Connection) -> Contents:
    database.text_factory = _lenient
    definitions = database.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    ).fetchall()
    pragmas = {
        name: database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("user_version", "application_id", "encoding", "page_size")
    }
    # As bytearray a text is told from a blob, and need not be valid in its encoding.
    database.text_factory = bytearray
    counted = {
        name: _digest_of_rows(database, name)
        for sort, name, _, sql in definitions
        if sort == "table" and not _VIRTUAL.match(sql or "")
    }
    schema = _hash(definitions)
    logical = {name: value for name, value in pragmas.items() if name != "page_size"}
    return Contents(
        digest=_hash([schema, sorted(logical.items()), sorted(counted.items())]),
        schema=schema,
        page_size=int(pragmas["page_size"]),
        user_version=int(pragmas["user_version"]),
        rows={name: rows for name, (rows, _) in counted.items() if _is_theirs(name)},
        tables={name: digest for name, (_, digest) in counted.items() if _is_theirs(name)},
        shapes={
            name: _hash([row for row in definitions if row[2] == name])
            for name in counted
            if _is_theirs(name)
        },
    )


def _digest_of_rows(database: sqlite3.Connection, table: str) -> tuple[int, str]:
    """How many rows a table has, and a digest of them in the order of their keys."""
    query = 'SELECT * FROM "{}"'.format(table.replace('"', '""'))  # noqa: S608
    try:
        cursor = database.execute(query + " ORDER BY rowid")
    except sqlite3.OperationalError:
        cursor = database.execute(query)  # WITHOUT ROWID: it lies in the order of its key
    hasher, count = blake3(), 0
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        count += len(rows)
        hasher.update(repr(rows).encode())
    return count, hasher.hexdigest()


def _is_theirs(table: str) -> bool:
    return not table.startswith("sqlite_")


def _hash(value: object) -> str:
    return blake3(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "replace")
