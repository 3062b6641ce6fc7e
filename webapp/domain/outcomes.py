"""How a run ends: a pure function of what was counted. Nobody sets a green by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from webapp.domain.runs import RunState

# A capture that lost more than this share of its files, and at least this many, is not whole
# unless its settings changed, too.
SHRINK_SHARE = 0.2
SHRINK_FILES = 10
CIRCUIT_OPEN = "circuit_open"  # the code of a bulk run that was stopped early
FEWER = (
    "It holds far fewer items than the last good run, and nothing explains it. If there is meant "
    "to be less now, capture again and give the reason."
)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What happened in a run.

    Attributes:
        done: items whose work was carried out and lasts. A capture that leaves no set has none.
        failed: items that should have been done and were not.
        skipped: items left out for a reason that is no fault. Skipped is not done.
        before: for a capture, what the last good run of the same settings had; else None.
        items, items_before: for a capture, restorable items (tree, databases, files of config).
        explanation: why there may be less than before, as the person said who started it.
        error_code: what stopped the run before its end, if anything did.
        canceled: a person stopped it.
    """

    done: int = 0
    failed: int = 0
    skipped: int = 0
    before: int | None = None
    items: int = 0
    items_before: int | None = None
    explanation: str = ""
    error_code: str = ""
    canceled: bool = False

    @property
    def expected(self) -> int:
        return self.done + self.failed + self.skipped

    @property
    def has_shrunk(self) -> bool:
        """Far fewer files than the last good run had, or one whole item fewer."""
        if self.items_before is not None and self.items < self.items_before:
            return True
        lost = (self.before or 0) - self.done
        if lost <= 0 or self.before is None:
            return False
        return lost > self.before * SHRINK_SHARE and (lost >= SHRINK_FILES or self.done == 0)


@dataclass(frozen=True)
class Verdict:
    """The end state, and the rule that decided it, as a sentence for the page."""

    state: RunState
    rule: str


_Rule = tuple[Callable[[Counted], bool], RunState, str]

# Read from the top; the first that holds decides.
RULES: tuple[_Rule, ...] = (
    (lambda c: c.canceled, RunState.CANCELED, "A person canceled it."),
    (
        lambda c: c.error_code == CIRCUIT_OPEN,
        RunState.FAILED,
        "More than half of its first items failed, so it was stopped.",
    ),
    (
        lambda c: bool(c.error_code) and c.done > 0,
        RunState.PARTIAL,
        "It was stopped by an error after something had been done.",
    ),
    (
        lambda c: bool(c.error_code),
        RunState.FAILED,
        "It was stopped by an error before anything was done.",
    ),
    (
        lambda c: c.expected > 0 and c.done == 0,
        RunState.FAILED,
        "Something was expected and nothing was done.",
    ),
    (lambda c: c.failed > 0, RunState.PARTIAL, "Something failed beside something done."),
    (
        lambda c: c.has_shrunk and bool(c.explanation),
        RunState.SUCCEEDED,
        "It holds far fewer items than the last good run, and the reason given explains it.",
    ),
    (lambda c: c.has_shrunk, RunState.PARTIAL, FEWER),
    (
        lambda c: c.expected == 0,
        RunState.SUCCEEDED,
        "There was nothing to do, and nothing was missed.",
    ),
    (
        lambda c: c.skipped > 0,
        RunState.SUCCEEDED,
        "Everything that could be done was done; what was skipped is no fault.",
    ),
    (lambda c: True, RunState.SUCCEEDED, "Everything expected was done."),
)


def judge(counted: Counted) -> Verdict:
    """Decide how a run ends."""
    return next(Verdict(state, rule) for holds, state, rule in RULES if holds(counted))
