"""Find: a path or pattern through all history, without reading what files contain.

Only manifests are read. A manifest chunk that a source's previous snapshot has too is not read
again, and rows are looked at only if they hold what the pattern says literally.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterator
from itertools import groupby

from webapp.items import sort_key
from webapp.vault import manifests, rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.search.histories import Findings, History, Version
from webapp.vault.search.patterns import Pattern
from webapp.vault.snapshots import FINISHED, Snapshot

Progress = Callable[[int, int], None]
_MOST_ROWS = 200_000


def find(engine: Engine, pattern: Pattern, *, name: str | None, on_progress: Progress) -> Findings:
    """Look through the snapshots of one source, or of all."""
    chosen = [one for one in engine.roots.finished() if name is None or one.name == name]
    chosen.sort(key=lambda one: (one.name, one.order))
    found = Findings(problems=list(engine.roots.problems))
    for source, snapshots in groupby(chosen, key=lambda one: one.name):
        search = _Search(engine, pattern, found)
        for snapshot in snapshots:
            search.take(snapshot)
            on_progress(found.searched + len(found.problems), len(chosen))
        histories = sorted(search.histories.values(), key=lambda one: sort_key(one.path))
        found.histories += [(source, history) for history in histories]
    return found


class _Search:
    """Through the snapshots of one source, oldest first."""

    def __init__(self, engine: Engine, pattern: Pattern, found: Findings) -> None:
        self._engine = engine
        self._pattern = pattern
        self._found = found
        self._snapshots: list[Snapshot] = []
        self._known: dict[bytes, list[Version]] = {}  # by chunk, of the latest snapshot
        self._rows: dict[bytes, Version] = {}  # by row: most rows of a new chunk are old ones
        self.histories: dict[bytes, History] = {}

    def take(self, snapshot: Snapshot) -> None:
        """Search one snapshot; what it shares with the one before is known already."""
        try:
            parts = self._parts(snapshot)
            fresh = {ref: self._matches(ref) for ref in parts if ref not in self._known}
        except (Damaged, ObjectMissing) as error:
            problem = error if isinstance(error, Damaged) else Damaged(str(error), "it is missing")
            self._found.problems.append(problem)
            return
        number = len(self._snapshots)
        self._snapshots.append(snapshot)
        self._found.searched += 1
        self._known = {ref: self._note(ref, fresh.get(ref), number) for ref in parts}

    def _parts(self, snapshot: Snapshot) -> list[bytes]:
        object_name = FINISHED + snapshot.id
        manifest = manifests.Manifest(
            self._engine.roots.parts(object_name), self._engine.chunks.manifest, object_name
        )
        return [one.ref for one in manifest.between(self._pattern.first, self._pattern.last)]

    def _matches(self, ref: bytes) -> list[bytes]:
        self._found.chunks += 1
        return list(matching_rows(self._engine.chunks.manifest(ref), self._pattern, self._rows))

    def _note(self, ref: bytes, fresh: list[bytes] | None, number: int) -> list[Version]:
        if fresh is not None:
            return [self._note_row(row, number) for row in fresh]
        for version in self._known[ref]:
            version.seen(number)
        return self._known[ref]

    def _note_row(self, row: bytes, number: int) -> Version:
        version = self._rows.get(row)
        if version is not None:
            version.seen(number)
            return version
        path = rows.row_path(row)
        history = self.histories.get(path)
        if history is None:
            history = self.histories[path] = History(path, self._snapshots)
        facts, content = rows.split_row(row)
        version = history.note(facts, content[:32], number=number)
        if len(self._rows) >= _MOST_ROWS:
            self._rows.clear()
        self._rows[row] = version
        return version


def matching_rows(
    data: bytes, pattern: Pattern, known: Container[bytes] = frozenset()
) -> Iterator[bytes]:
    """The rows of a manifest chunk whose path matches; of *known* ones it is certain."""
    for row in _candidates(data, pattern):
        if row in known or pattern.matches(rows.row_path(row)):
            yield row


def _candidates(data: bytes, pattern: Pattern) -> Iterator[bytes]:
    """Rows that hold the pattern's literal bytes somewhere; all, if it has none."""
    literal = pattern.literal
    if not literal:
        yield from manifests.split_rows(data, where="manifest")
        return
    folded = data.lower() if pattern.ignore_case else data
    hit = folded.find(literal)
    if hit < 0:
        return
    ends, at = manifests.row_ends(data, "manifest")
    hit = folded.find(literal, at)
    while hit >= 0:
        number = bisect_right(ends, hit - at)
        start = at + ends[number - 1] if number else at
        yield data[start : at + ends[number]]
        hit = folded.find(literal, at + ends[number])
