"""What happened to a path: the states it was in, and in which snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from webapp.items import StoredEntry
from webapp.vault import rows
from webapp.vault.errors import Damaged
from webapp.vault.snapshots import Snapshot


@dataclass(slots=True)
class Version:
    """One state of a path.

    Attributes:
        facts: a row's, as first seen.
        digest: of a file's content, else empty.
        spans: first and last of the snapshots in a row that it is in, by number.
    """

    facts: bytes
    digest: bytes
    spans: list[list[int]]

    def is_same(self, facts: bytes, digest: bytes) -> bool:
        """Whether a row says the same; ctime and inode do not count."""
        return self.digest == digest and (
            self.facts == facts or rows.lasting(self.facts) == rows.lasting(facts)
        )

    def seen(self, number: int) -> None:
        if self.spans[-1][1] == number - 1:
            self.spans[-1][1] = number
        else:
            self.spans.append([number, number])

    @property
    def entry(self) -> StoredEntry:
        """The entry as first seen, without its chunks."""
        entry = rows.unpack_row(rows.make_row(self.facts, b""))
        entry.digest = self.digest
        return entry


class Event(NamedTuple):
    """Attributes:
    what: ``appeared``, ``changed`` or ``vanished``.
    version: what there is now; None if it vanished.
    """

    what: str
    snapshot: Snapshot
    version: Version | None


@dataclass(slots=True)
class History:
    """One path of one source, through all snapshots of that source.

    Attributes:
        snapshots: those that were searched, oldest first; versions count in them.
    """

    path: bytes
    snapshots: list[Snapshot]
    versions: list[Version] = field(default_factory=list)

    def note(self, facts: bytes, digest: bytes, *, number: int) -> Version:
        """The path is in snapshot *number*, in this state."""
        for version in reversed(self.versions):
            if version.is_same(facts, digest):
                version.seen(number)
                return version
        self.versions.append(Version(facts, digest, [[number, number]]))
        return self.versions[-1]

    def snapshots_of(self, version: Version) -> list[Snapshot]:
        return [one for first, last in version.spans for one in self.snapshots[first : last + 1]]

    def events(self) -> Iterator[Event]:
        """When it appeared, changed and vanished, oldest first."""
        spans = sorted(
            ((span, version) for version in self.versions for span in version.spans),
            key=lambda pair: pair[0],
        )
        end = 0
        for number, ((first, last), version) in enumerate(spans):
            if number and first > end:
                yield Event("vanished", self.snapshots[end], None)
            is_new = number == 0 or first > end
            yield Event("appeared" if is_new else "changed", self.snapshots[first], version)
            end = last + 1
        if end < len(self.snapshots):
            yield Event("vanished", self.snapshots[end], None)


@dataclass(kw_only=True)
class Findings:
    """What was found.

    Attributes:
        histories: source name and history, by name and path.
        searched: how many snapshots were looked through.
        chunks: how many manifest chunks were read for it.
        problems: what could not be read; those snapshots were not searched.
    """

    histories: list[tuple[str, History]] = field(default_factory=list)
    searched: int = 0
    chunks: int = 0
    problems: list[Damaged] = field(default_factory=list)
