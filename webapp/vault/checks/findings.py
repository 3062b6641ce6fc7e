"""What a check found."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from webapp.vault.checks.coverage import CoverageReport

MOST_PATHS = 20
DAMAGED, MISSING, CHAIN = "damaged", "missing", "chain"


@dataclass(kw_only=True)
class VerifyReport:
    """What a check found.

    Attributes:
        errors: ``{"object", "problem", "snapshots", "kind", "paths", "path_count"}``: which
            snapshots and paths it hurts; paths are capped. Kinds: ``damaged``, ``missing``,
            ``chain`` (an object is sound, yet not the one that should be there).
        notes: what is no error, and worth a word.
        coverage: how much of the data was read when; None if one snapshot was checked.
    """

    objects: int = 0
    bytes_read: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    coverage: CoverageReport | None = None

    @property
    def ok(self) -> bool:
        return not self.errors

    def keep_to(self, snapshot: str, *, losers: Collection[str]) -> None:
        """Of objects that have lost chunks, keep those that hurt this snapshot: chunks that only
        others need are no error of this one."""
        every, self.errors = self.errors, []
        for error in every:
            if error["object"] in losers and error["snapshots"] != [snapshot]:
                words = f"{error['object']}: {error['problem']}. This snapshot does not need it."
                self.notes.append(words)
            else:
                self.errors.append(error)


@dataclass
class _Harm:
    """Whom one problem hurts."""

    kind: str
    snapshots: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    path_count: int = 0


class Findings:
    """Collects problems; for one thread."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], _Harm] = {}

    def note(
        self, name: str, problem: str, *, kind: str = DAMAGED, hurt: Iterable[str] = ()
    ) -> None:
        """A problem of the object *name*; said twice it counts once."""
        self._found.setdefault((name, problem), _Harm(kind)).snapshots.update(hurt)

    def harm(self, name: str, *, snapshots: Iterable[str], paths: Iterable[str]) -> None:
        """All problems of the object *name* hurt these snapshots, and these paths in them."""
        for (where, _), found in self._found.items():
            if where == name:
                found.snapshots.update(snapshots)
                for path in paths:
                    _add_path(found, path)

    def names(self) -> set[str]:
        return {name for name, _ in self._found}

    def errors(self) -> list[dict[str, object]]:
        return [
            {
                "object": name,
                "problem": problem,
                "kind": found.kind,
                "snapshots": sorted(found.snapshots),
                "paths": sorted(found.paths),
                "path_count": found.path_count,
            }
            for (name, problem), found in sorted(self._found.items())
        ]


def _add_path(found: _Harm, path: str) -> None:
    found.path_count += 1
    if len(found.paths) < MOST_PATHS:
        found.paths.add(path)
