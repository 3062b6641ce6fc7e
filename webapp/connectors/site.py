"""A website: its folder, its database and its config file, captured as one restore point.

Items: ``tree:…`` the folder, ``db:<stem>`` the database, ``config:<name>`` the config file. Where
database or config file lie inside the folder, they are left out of ``tree:``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO, ClassVar

from webapp.connectors.base import Action, Desired, Field, Finding, Planned, Surroundings
from webapp.connectors.database import Database
from webapp.connectors.database_plan import DatabasePlan
from webapp.connectors.files import check_tree
from webapp.connectors.sections import Planner, plan_by_section
from webapp.connectors.settings import (
    cleaned_database,
    cleaned_path,
    cleaned_patterns,
    database_path,
    patterns_of,
    require_known,
)
from webapp.connectors.sqlite import (
    DatabaseSource,
    check_database,
    database_identity,
    database_state,
)
from webapp.connectors.sqlite_still import ALL_SIDES
from webapp.connectors.tree import Tree
from webapp.errors import ConnectorError, Invalid
from webapp.hosts.sight import Sight
from webapp.items import (
    Entry,
    EntrySource,
    Eyes,
    Json,
    PlaceSource,
    Report,
    Sighting,
    SightSource,
    StoredContent,
    key_of,
)

_PARTS = {"full": ("config", "db", "tree"), "db": ("db",), "files": ("config", "tree")}


class SiteConnector:
    """A ``Connector`` for a folder, and a database and a config file where there are."""

    kind: ClassVar[str] = "site"
    label: ClassVar[str] = "Website"
    fields: ClassVar[tuple[Field, ...]] = (
        Field("path", "Folder", "The full path of the site's folder.", required=True,
              placeholder="/srv/shop"),
        Field("config", "Config file", "The full path of the site's config file, if it has one.",
              required=False, placeholder="/srv/shop/config.ini"),
        Field("db", "Database", "Its address without a password, if it has one.",
              required=False, placeholder="sqlite:////srv/shop/shop.db"),
        Field("exclude", "Leave out", "Patterns such as *.log or /cache, one a line or with commas "
              "between them.", required=False, placeholder="*.log", lines=3),
    )  # fmt: skip

    def __init__(
        self, config: Mapping[str, str], surroundings: Surroundings, *, wait_seconds: float = 20.0
    ) -> None:
        self.database: Database | None = None
        self.config: Tree | None = None
        if url := config.get("db", ""):
            self.database = Database(
                database_path(url), surroundings=surroundings, wait_seconds=wait_seconds
            )
        if path := config.get("config", ""):
            parent, name = os.path.split(path)
            self.config = Tree(b"config", parent, surroundings=surroundings, only=os.fsencode(name))
        self.tree = Tree(
            b"tree",
            config["path"],
            surroundings=surroundings,
            exclude=patterns_of(config.get("exclude", "")),
            hidden=(*_config_files(config), *_database_files(config)),
        )
        self._config_files, self._database_files = _config_files(config), _database_files(config)

    @classmethod
    def clean(cls, raw: Mapping[str, str]) -> dict[str, str]:
        problems = require_known(raw, cls.fields)
        cleaned = {
            "path": cleaned_path(raw.get("path", ""), "path", problems),
            "exclude": cleaned_patterns(raw.get("exclude", ""), "exclude", problems),
        }
        if raw.get("config", "").strip():
            cleaned["config"] = cleaned_path(raw["config"], "config", problems)
        if raw.get("db", "").strip():
            cleaned["db"] = cleaned_database(raw["db"], "db", problems)
        if problems:
            raise Invalid(problems)
        return {name: value for name, value in cleaned.items() if value}

    def check(self) -> list[Finding]:
        found = check_tree(self.tree)
        if self.config is not None:
            found.append(_check_file(self.config))
        if self.database is not None:
            found += check_database(self.database)
        return found

    def source(self, backup_type: str, report: Report) -> EntrySource:
        openers = self._openers(report)
        wanted = [name for name in _PARTS[backup_type] if name in openers]
        if not wanted:
            raise ConnectorError("not_supported", "This site has nothing of that sort.")
        self._note_what_is_elsewhere(report)
        return _joined({name: openers[name] for name in wanted}, report, keys=self._keys())

    def select(self, keys: Iterable[str], report: Report) -> EntrySource:
        by_section = _sorted_out(keys)
        parts: dict[str, EntrySource] = {}
        if self.config is not None and "config" in by_section:
            parts["config"] = self.config.select(by_section["config"], report)
        if self.database is not None and "db" in by_section:
            parts["db"] = DatabaseSource.selected(self.database, by_section["db"], report)
        if "tree" in by_section:
            parts["tree"] = self.tree.select(by_section["tree"], report)
        return SiteSource(parts)

    def plan(
        self,
        desired: Iterable[Desired],
        *,
        stored: StoredContent,
        delete: bool,
        scope: tuple[str, ...],
        types: bool = False,
    ) -> Iterator[Planned]:
        going: set[bytes] = set()  # files in the folder that rows of other parts remove

        def tree(items: Iterable[Desired]) -> Iterator[Planned]:
            return self.tree.plan(
                items, stored=stored, delete=delete, scope=scope, types=types, going=going
            )

        planners: dict[str, Planner] = {"tree": tree}
        if (config := self.config) is not None:
            planners["config"] = lambda items: _noting(
                config.plan(items, stored=stored, delete=delete, scope=scope, types=types),
                going,
                self._config_files,
            )
        if (database := self.database) is not None:
            planners["db"] = lambda items: _noting(
                DatabasePlan(database, stored=stored).rows(items), going, self._database_files
            )
        yield from plan_by_section(desired, planners)

    def state(self, key: str) -> str:
        section = key.partition(":")[0]
        if section == "db":
            return database_state(self.database) if self.database is not None else ""
        if section == "config":
            return self.config.state(key) if self.config is not None else ""
        return self.tree.state(key)

    def identity(self) -> str:
        parts = [f"tree:{self.tree.identity()}"]
        if self.config is not None:
            parts.append(f"config:{self.config.identity()}")
        if self.database is not None:
            parts.append(f"db:{database_identity(self.database)}")
        return "site:" + ";".join(parts)

    def _openers(self, report: Report) -> dict[str, Callable[[], EntrySource]]:
        found: dict[str, Callable[[], EntrySource]] = {"tree": lambda: self.tree.source(report)}
        if (config := self.config) is not None:
            found["config"] = lambda: config.source(report)
        if (database := self.database) is not None:
            found["db"] = lambda: DatabaseSource.captured(database)
        return found

    def _keys(self) -> dict[str, str]:
        keys = {"tree": "tree:"}
        if self.config is not None:
            keys["config"] = key_of(b"config/" + self.config.only)
        if self.database is not None:
            keys["db"] = key_of(b"db/" + self.database.name)
        return keys

    def _note_what_is_elsewhere(self, report: Report) -> None:
        prefix = os.fsencode(self.tree.path) + b"/"
        if any(path.startswith(prefix) for path in self.tree.hidden):
            report.note("Database and config file lie in the folder; each is captured once only.")


class SiteSource:
    """Some sections of a snapshot, one after the other."""

    def __init__(self, parts: Mapping[str, EntrySource]) -> None:
        self._parts = dict(sorted(parts.items()))

    def entries(self) -> Iterator[Entry]:
        return chain.from_iterable(part.entries() for part in self._parts.values())

    def sightings(self) -> Iterator[Entry | Sighting]:
        for part in self._parts.values():
            yield from part.sightings() if isinstance(part, SightSource) else part.entries()

    def eyes(self) -> Eyes:
        return Sight()

    def place(self, path: bytes) -> tuple[int, bytes]:
        part = self._parts[path.partition(b"/")[0].decode()]
        assert isinstance(part, PlaceSource), "sightings come from such parts only"
        return part.place(path)

    def open(self, entry: Entry) -> BinaryIO:
        return self._parts[entry.path.partition(b"/")[0].decode()].open(entry)

    def facts(self) -> Mapping[str, Json]:
        return {key: fact for part in self._parts.values() for key, fact in part.facts().items()}

    def close(self) -> None:
        for part in self._parts.values():
            part.close()


def _joined(
    openers: Mapping[str, Callable[[], EntrySource]], report: Report, *, keys: Mapping[str, str]
) -> SiteSource:
    """Open what can be opened and report the rest; if nothing can, say why."""
    parts: dict[str, EntrySource] = {}
    failed: dict[str, ConnectorError] = {}
    for name, open_part in openers.items():
        try:
            parts[name] = open_part()
        except ConnectorError as error:
            failed[name] = error
    if not parts:
        raise next(iter(failed.values()))
    for name, refused in failed.items():
        report.failed(keys[name], refused.code, str(refused))
    return SiteSource(parts)


def _sorted_out(keys: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(key.partition(":")[0], []).append(key)
    return found


def _noting(
    rows: Iterator[Planned], going: set[bytes], files: Iterable[bytes]
) -> Iterator[Planned]:
    """Pass rows on, and note that *files* go if one of the rows removes them."""
    for row in rows:
        if row.action is Action.DELETE:
            going.update(files)
        yield row


def _database_files(config: Mapping[str, str]) -> list[bytes]:
    """Real paths of the database and of the files beside it."""
    if not config.get("db"):
        return []
    real = os.path.realpath(os.fsencode(database_path(config["db"])))
    return [real, *(real + side for side in ALL_SIDES)]


def _config_files(config: Mapping[str, str]) -> list[bytes]:
    return [os.path.realpath(os.fsencode(config["config"]))] if config.get("config") else []


def _check_file(config: Tree) -> Finding:
    path = Path(config.path) / os.fsdecode(config.only)
    try:
        config.require_file()
    except ConnectorError as error:
        return Finding(level="error", message=str(error), code=error.code)
    return Finding(level="ok", message=f"{path} is readable.")
