"""Whom lost chunks hurt: the snapshots, the paths in them, the bytes of those."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from webapp.items import StoredEntry, path_to_text
from webapp.vault import rows
from webapp.vault.checks.findings import MOST_PATHS, Findings
from webapp.vault.checks.needs import Blame, entries_of
from webapp.vault.checks.roots_check import RootsCheck
from webapp.vault.engine import Engine
from webapp.vault.errors import Damaged
from webapp.vault.ids import REF
from webapp.vault.manifests import Part


class LostRange(NamedTuple):
    """Bytes of a file that cannot be had, from *start* to before *end*, and whom to blame."""

    start: int
    end: int
    blame: Blame


@dataclass
class Hurt:
    """What one object's damage does to one piece of a manifest."""

    paths: set[str] = field(default_factory=set)
    path_count: int = 0

    def add(self, path: str) -> None:
        self.path_count += 1
        if len(self.paths) < MOST_PATHS:
            self.paths.add(path)


class Harm:
    """Finds out what lost chunks mean; each distinct piece of a manifest is read once.

    Args:
        lost: ids of chunks that cannot be had, and the objects to blame.
    """

    def __init__(self, engine: Engine, lost: Mapping[bytes, Blame]) -> None:
        self._engine = engine
        self._lost = lost
        self._known: dict[bytes, dict[str, Hurt]] = {}

    def of(self, parts: list[Part]) -> Iterator[dict[str, Hurt]]:
        """For each piece of a manifest that is hurt: blamed object to what that does."""
        for part, following in pairwise([*parts, None]):
            assert part is not None
            if part.ref not in self._known:
                self._known[part.ref] = self._look(part, following)
            if found := self._known[part.ref]:
                yield found

    def _look(self, part: Part, following: Part | None) -> dict[str, Hurt]:
        found: dict[str, Hurt] = {}
        for blame in self._lost.get(part.ref[:32], ()):
            found.setdefault(blame, Hurt()).add(span(part, following))
        if found:
            return found
        try:
            for path, ranges in lost_files(self._engine, part, self._lost):
                for blame in {name for one in ranges for name in one.blame}:
                    found.setdefault(blame, Hurt()).add(path_to_text(path))
        except Damaged as error:
            found.setdefault(error.object_name, Hurt()).add(span(part, following))
        return found


def name_the_hurt(
    engine: Engine, roots: RootsCheck, lost: Mapping[bytes, Blame], *, findings: Findings
) -> None:
    """Add to what was found which snapshots, and which paths in them, need lost chunks."""
    harm = Harm(engine, lost)
    for root in roots.names:
        for hurt in harm.of(roots.parts(root)):
            for blame, what in hurt.items():
                identity = root.partition("/")[2]
                findings.harm(blame, snapshots=(identity,), paths=what.paths)


def span(part: Part, following: Part | None) -> str:
    """In words: all paths of a piece of a manifest, which cannot be read to name them."""
    first = path_to_text(part.first_path)
    if following is None:
        return f"everything from {first} on"
    return f"everything from {first} to before {path_to_text(following.first_path)}"


def lost_files(
    engine: Engine, part: Part, lost: Mapping[bytes, Blame]
) -> Iterator[tuple[bytes, list[LostRange]]]:
    """The files of a piece of a manifest that need lost chunks: path, and which bytes.

    Raises:
        Damaged: the piece cannot be read.
    """
    for entry in entries_of(engine, part):
        found = lost_ranges(entry, lost, lambda refs: engine.chunks.refs(refs))
        if found:
            yield entry.path, found


def lost_ranges(
    entry: StoredEntry,
    lost: Mapping[bytes, Blame],
    resolve: Callable[[tuple[bytes, ...]], tuple[bytes, ...]],
) -> list[LostRange]:
    """Which bytes of a file need lost chunks; all of it if its list of references is lost."""
    refs = entry.chunks
    if refs and refs[0] == rows.LIST_MARK:
        blamed = [name for ref in refs[1:] for name in lost.get(ref[:32], ())]
        if blamed:
            return [LostRange(0, entry.size, tuple(dict.fromkeys(blamed)))]
        refs = resolve(refs)
    if not any(ref[:32] in lost for ref in refs):
        return []
    return list(_ranges(entry, refs, lost))


def _ranges(
    entry: StoredEntry, refs: tuple[bytes, ...], lost: Mapping[bytes, Blame]
) -> Iterator[LostRange]:
    at, holes = 0, list(reversed(entry.holes))
    for ref in refs:
        left = REF.unpack(ref)[1]
        while left:
            while holes and holes[-1][0] <= at:
                at += holes.pop()[1]
            count = min(left, holes[-1][0] - at) if holes else left
            if ref[:32] in lost:
                yield LostRange(at, at + count, lost[ref[:32]])
            at, left = at + count, left - count
