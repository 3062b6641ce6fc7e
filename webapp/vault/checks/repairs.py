"""What a repair did, and what it could not do."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST_LOSSES = 100_000


@dataclass(kw_only=True)
class RepairReport:
    """What a repair did, and what it could not do.

    Attributes:
        found: errors of the check before it, as in ``VerifyReport``.
        actions: ``{"object", "action"}``, in order; with a dry run, what would be done.
        lost: ``{"snapshot", "source", "path", "ranges"}``: the bytes of a file that cannot
            be had, as ``[start, end]`` pairs; of what nobody can name exactly, a sentence as path.
        lost_count: of all of them; ``lost`` is capped.
        left: errors that are still there, as in ``VerifyReport``; of a dry run, none are known.
        restored_chunks: how many lost chunks were found in the files given.
    """

    is_dry: bool = False
    found: list[dict[str, object]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)
    lost: list[dict[str, object]] = field(default_factory=list)
    lost_count: int = 0
    left: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    restored_chunks: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong or lost now."""
        return not self.left and not self.lost_count and not (self.is_dry and self.found)


@dataclass
class Repairs:
    """Collects what is done; shared by all parts of one repair."""

    report: RepairReport

    @property
    def is_dry(self) -> bool:
        return self.report.is_dry

    def did(self, name: str, action: str) -> None:
        self.report.actions.append({"object": name, "action": action})

    def lose(self, **facts: object) -> None:
        self.report.lost_count += 1
        if len(self.report.lost) < _MOST_LOSSES:
            self.report.lost.append(facts)
