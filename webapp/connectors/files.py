"""A folder of this machine: every kind of entry that a file system can hold."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from webapp.connectors.base import Desired, Field, Finding, Planned, Surroundings
from webapp.connectors.sections import plan_by_section
from webapp.connectors.settings import cleaned_path, cleaned_patterns, patterns_of, require_known
from webapp.connectors.tree import Tree
from webapp.errors import ConnectorError, Invalid
from webapp.items import EntrySource, Report, StoredContent


class FilesConnector:
    """A ``Connector`` for one folder; items ``tree:…``."""

    kind: ClassVar[str] = "files"
    label: ClassVar[str] = "Folder"
    fields: ClassVar[tuple[Field, ...]] = (
        Field("path", "Folder", "Its full path on this machine.", required=True,
              placeholder="/srv/site"),
        Field("exclude", "Leave out", "Patterns such as *.log or /cache, one a line or with commas "
              "between them.", required=False, placeholder="*.log", lines=3),
    )  # fmt: skip

    def __init__(self, config: Mapping[str, str], surroundings: Surroundings) -> None:
        self.tree = Tree(
            b"tree",
            config["path"],
            surroundings=surroundings,
            exclude=patterns_of(config.get("exclude", "")),
        )

    @classmethod
    def clean(cls, raw: Mapping[str, str]) -> dict[str, str]:
        problems = require_known(raw, cls.fields)
        cleaned = {
            "path": cleaned_path(raw.get("path", ""), "path", problems),
            "exclude": cleaned_patterns(raw.get("exclude", ""), "exclude", problems),
        }
        if problems:
            raise Invalid(problems)
        return {name: value for name, value in cleaned.items() if value}

    def check(self) -> list[Finding]:
        return check_tree(self.tree)

    def source(self, backup_type: str, report: Report) -> EntrySource:
        if backup_type == "db":
            raise ConnectorError("not_supported", "A folder has no database to back up alone.")
        return self.tree.source(report)

    def select(self, keys: Iterable[str], report: Report) -> EntrySource:
        return self.tree.select([key for key in keys if key.startswith("tree:")], report)

    def plan(
        self,
        desired: Iterable[Desired],
        *,
        stored: StoredContent,
        delete: bool,
        scope: tuple[str, ...],
        types: bool = False,
    ) -> Iterator[Planned]:
        def tree(items: Iterable[Desired]) -> Iterator[Planned]:
            return self.tree.plan(items, stored=stored, delete=delete, scope=scope, types=types)

        yield from plan_by_section(desired, {"tree": tree})

    def state(self, key: str) -> str:
        return self.tree.state(key)

    def identity(self) -> str:
        return f"files:{self.tree.identity()}"


def check_tree(tree: Tree) -> list[Finding]:
    """Look at a folder: there, inside the bounds, readable, and not empty."""
    try:
        folder = tree.open()
    except ConnectorError as error:
        return [Finding(level="error", message=str(error), code=error.code)]
    with folder:
        names = os.listdir(folder.descriptor)
    if not names:
        message = f"{tree.path} is empty: a backup of it fails until there is something in it."
        return [Finding(level="warning", message=message)]
    found = [
        Finding(level="ok", message=f"{tree.path} is readable, {len(names)} names at its top.")
    ]
    if any(os.fsencode(str(own)).startswith(folder.place.real) for own in tree.bounds.own_data):
        message = "The data folder lies inside this folder and is left out."
        found.append(Finding(level="warning", message=message, code="inside_own_data"))
    return found
