"""What every kind of source promises.

A connector can look (``check``, ``source``, ``select``) and compare (``plan``). It cannot change
anything: for that the restore service gets a ``Writer`` from ``webapp.connectors.writing``,
against a permit, and only that service may import it.

Codes of ``ConnectorError`` and of reports (``REASONS``) are stable: pages and scripts use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from webapp.items import Entry, EntrySource, Json, Report, StoredContent, StoredEntry

REASONS: Mapping[str, str] = {
    "not_found": "It does not exist.",
    "not_allowed": "The backup user may not read it.",
    "outside_roots": "It lies outside the folders granted to this tenant.",
    "inside_own_data": "It lies inside the data folder or a vault.",
    "not_a_folder": "It is not a folder.",
    "not_a_file": "It is not a regular file.",
    "is_socket": "A socket has no content to keep.",
    "vanished": "It was there when its folder was listed, and gone when it was read.",
    "changed_while_read": "It changed while it was read.",
    "read_error": "The disk or file system reported an error while reading.",
    "write_error": "The disk or file system reported an error while writing.",
    "disk_full": "There is no space left.",
    "locked": "Another program holds a lock on it.",
    "damaged": "It is not a sound database.",
    "target_changed": "The target is not what it was when the preview was made.",
    "escapes_target": "It would be written outside the target.",
    "name_collides": "Another name differs from it by upper and lower case only.",
    "not_supported": "This target cannot hold it.",
    "type_differs": "The target has another sort of thing under this name.",
    "unreachable": "It does not answer.",
    "throttled": "It asks to be left alone for a while.",
    "server_error": "It reported an error of its own.",
    "conflict": "The target matches neither the state before nor the state after.",
}


class Action(StrEnum):
    """What a restore does to one item."""

    CREATE = "create"
    UPDATE = "update"  # content stays, facts such as mode, owner or time change
    REPLACE = "replace"  # content changes
    DELETE = "delete"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where a connector may go and work; given by the service, never by the person.

    Attributes:
        roots: local folders granted to this tenant. Nothing outside them is opened.
        own_data: folders of the product itself (data folder, vaults): refused even below a root.
            The demo site's folder is the one exception, named in ``exempt``.
        exempt: folders inside ``own_data`` that may be used all the same.
        scratch: a private folder (0700) of this run, removed by the service afterwards.
    """

    roots: tuple[Path, ...]
    own_data: tuple[Path, ...]
    scratch: Path
    exempt: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of a live check. ``level`` is ``ok``, ``warning`` or ``error``."""

    level: str
    message: str
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Desired:
    """What one item of a plan shall become: a stored entry, or absent."""

    key: str
    entry: StoredEntry | None


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One row of a plan.

    Attributes:
        before, after: fingerprint of the target now and afterwards, as ``states.state_of`` makes
            it: a folder's time has no part in it, so the two may be the same in an update. For a
            database, a digest of its schema and rows; ``raw:…`` for one that is damaged. Empty
            where there is nothing.
        reason: why this action, in words a person understands.
        risk: ``none``, ``low``, ``medium`` or ``high``.
        diff: a unified text diff, for text only, at most 64 KiB; or None.
        details: more facts for the page, such as ``{"tables": [{"name", "rows_now", "rows_after",
            "change": "same" | "rows" | "schema" | "only_now" | "only_after"}]}``.
    """

    key: str
    action: Action
    before: str = ""
    after: str = ""
    reason: str = ""
    reason_code: str = ""
    risk: str = "none"
    size_before: int | None = None
    size_after: int | None = None
    kind: str = ""
    diff: str | None = None
    details: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One setting of a kind, for forms and for ``--set``."""

    name: str
    label: str
    help: str
    required: bool = field(kw_only=True)
    placeholder: str = field(default="", kw_only=True)
    lines: int = field(default=1, kw_only=True)  # more than one: a text area


class Connector(Protocol):
    """One source, opened with its settings. Made by ``registry.connect``."""

    kind: ClassVar[str]
    label: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]

    @classmethod
    def clean(cls, raw: Mapping[str, str]) -> dict[str, str]:
        """Check and normalise what a person typed, without touching the source.

        Raises:
            Invalid: one sentence for each field.
        """

    def check(self) -> list[Finding]:
        """Look at the live source: reachable, readable, inside the roots. Writes nothing."""

    def source(self, backup_type: str, report: Report) -> EntrySource:
        """Open the source for a capture. *backup_type* is ``full``, ``db`` or ``files``.

        Raises:
            ConnectorError: nothing of it can be read.
        """

    def select(self, keys: Iterable[str], report: Report) -> EntrySource:
        """Open only these items as they are now, for a safety capture; absent ones are left out.

        Items are whole: a folder is given without what is in it. What is there and cannot be
        read is reported as failed.
        """

    def plan(
        self,
        desired: Iterable[Desired],
        *,
        stored: StoredContent,
        delete: bool,
        scope: tuple[str, ...],
        types: bool = False,
    ) -> Iterator[Planned]:
        """Compare the target with *desired* (sorted as a snapshot is) and say what a restore does.

        Rows come in the order in which they must be applied: removals after all else, the deepest
        first, and last what takes the place of an emptied folder. A desired folder that is outside
        *scope* is made where it is missing, and else gets no row. The folders ``db`` and
        ``config`` of a snapshot get none.

        Writes nothing to the target, not even access to a database that leaves a trace.

        Args:
            delete: also plan the removal of what is in the target, within *scope*, and not desired.
            scope: keys of the chosen items (a ``tree:`` key means all below it); empty is all.
            types: a folder may give way to a file and a file to a folder, also without *delete*;
                an undo wants that.

        Raises:
            ConnectorError: the target as a whole cannot be used.
        """

    def state(self, key: str) -> str:
        """The present fingerprint of one item, as in ``Planned.before``; empty if absent."""

    def identity(self) -> str:
        """What the target *is* (path, device and inode of its root, …), so that a plan can tell
        that somebody put another thing in its place. Empty parts where nothing is there yet."""


class Kind(Protocol):
    """The class of a connector, as the registry holds it."""

    kind: str
    label: str
    fields: tuple[Field, ...]

    def __call__(self, config: Mapping[str, str], surroundings: Surroundings) -> Connector:
        """Open a source with cleaned settings."""

    def clean(self, raw: Mapping[str, str]) -> dict[str, str]:
        """See ``Connector.clean``."""


class Writer(Protocol):
    """Changes one target, item by item, as a permit allows. From ``writing.open_for_writing``."""

    def apply(self, row: Planned, desired: StoredEntry | None, stored: StoredContent) -> str:
        """Carry out one row, whole or not at all, and return the fingerprint reached.

        The present state is compared with ``row.before`` first. Safe to repeat.

        Raises:
            ConnectorError: refused or failed; the target's item is as it was.
            PermitRefused: the run may no longer write; nothing was changed.
        """

    def finish(self) -> None:
        """Set what must come last (folder times, deepest first) and make everything durable."""

    def close(self) -> None:
        """Give back descriptors; remove temporary files of this run. Safe to call twice."""


def entry_of(source: EntrySource, path: bytes) -> Entry | None:
    """Find one entry of a source by walking it; for small sources and tests."""
    return next((entry for entry in source.entries() if entry.path == path), None)
