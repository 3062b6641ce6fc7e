"""Find: a path or pattern through all history, without reading what files contain.

Only manifests are read. A manifest chunk that a source's previous snapshot has too is not read
again; rows are looked at only if they hold what the pattern says literally, and were not there
before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Set
from itertools import groupby

from webapp.items import sort_key
from webapp.vault import manifests, rows
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged, ObjectMissing
from webapp.vault.search.histories import Findings, History, Version
from webapp.vault.search.patterns import Pattern
from webapp.vault.snapshots import FINISHED, Snapshot

Progress = Callable[[int, int], None]
_DENSE = 4  # with more hits than a quarter of the rows, taking all of them is quicker
_NONE: Set[bytes] = frozenset()


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
        found.histories += [(source, history) for history in search.finish()]
    return found


class _Search:
    """Through the snapshots of one source, oldest first.

    From one snapshot to the next only rows of chunks that came or went are looked at, as sets: a
    row that is in both is still there, wherever the chunks are cut now.
    """

    def __init__(self, engine: Engine, pattern: Pattern, found: Findings) -> None:
        self._engine = engine
        self._pattern = pattern
        self._found = found
        self._snapshots: list[Snapshot] = []
        self._chunks: dict[bytes, Set[bytes]] = {}  # of the latest snapshot: rows worth a look
        self._live: dict[bytes, Version] = {}  # by row; where its last span ends is still open
        self.histories: dict[bytes, History] = {}

    def take(self, snapshot: Snapshot) -> None:
        """Search one snapshot; what it shares with the one before is known already."""
        try:
            chunks = {ref: self._rows_at(ref) for ref in self._refs(snapshot)}
        except (Damaged, ObjectMissing) as error:
            problem = error if isinstance(error, Damaged) else Damaged(str(error), "it is missing")
            self._found.problems.append(problem)
            return
        came = _rows_of(chunks, chunks.keys() - self._chunks.keys())
        went = _rows_of(self._chunks, self._chunks.keys() - chunks.keys())
        for row in went - came:
            self._end(row, len(self._snapshots) - 1)
        for row in came - went:
            self._begin(row, len(self._snapshots))
        self._chunks = chunks
        self._snapshots.append(snapshot)
        self._found.searched += 1

    def finish(self) -> list[History]:
        """What was found, by path."""
        for row in list(self._live):
            self._end(row, len(self._snapshots) - 1)
        return sorted(self.histories.values(), key=lambda one: sort_key(one.path))

    def _refs(self, snapshot: Snapshot) -> list[bytes]:
        object_name = FINISHED + snapshot.id
        manifest = manifests.Manifest(
            self._engine.roots.parts(object_name), self._engine.chunks.manifest, object_name
        )
        return [one.ref for one in manifest.between(self._pattern.first, self._pattern.last)]

    def _rows_at(self, ref: bytes) -> Set[bytes]:
        known = self._chunks.get(ref)
        if known is not None:
            return known
        self._found.chunks += 1
        return candidates(self._engine.chunks.manifest(ref), self._pattern)

    def _begin(self, row: bytes, number: int) -> None:
        path = rows.row_path(row)
        if not self._pattern.matches(path):
            return
        history = self.histories.get(path)
        if history is None:
            history = self.histories[path] = History(path, self._snapshots)
        facts, content = rows.split_row(row)
        self._live[row] = history.note(facts, content[:32], number=number)

    def _end(self, row: bytes, number: int) -> None:
        version = self._live.pop(row, None)
        if version is not None:
            version.spans[-1][1] = number


def _rows_of(chunks: dict[bytes, Set[bytes]], refs: Set[bytes]) -> set[bytes]:
    return set().union(*(chunks[ref] for ref in refs))


def candidates(data: bytes, pattern: Pattern) -> Set[bytes]:
    """Rows of a manifest chunk that hold the pattern's literal bytes, and perhaps some others."""
    literal = pattern.literal
    folded = data.lower() if pattern.ignore_case else data
    hits = folded.count(literal) if literal else len(data)
    if not hits:
        return _NONE
    ends, at = manifests.row_ends(data, "manifest")
    if hits > len(ends) // _DENSE:
        return frozenset(manifests.split_rows(data, where="manifest"))
    found = set()
    hit = folded.find(literal, at)
    while hit >= 0:
        number = bisect_right(ends, hit - at)
        start = at + ends[number - 1] if number else at
        found.add(data[start : at + ends[number]])
        hit = folded.find(literal, at + ends[number])
    return found
