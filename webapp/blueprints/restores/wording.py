"""A plan in words."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.domain.plans import PlanState
from webapp.formatting import number
from webapp.models import RestorePlan

ACTIONS = {
    "create": "Create",
    "replace": "Replace",
    "update": "Update facts",
    "delete": "Delete",
    "blocked": "Blocked",
    "unchanged": "Unchanged",
}

_STATES = {
    PlanState.DRAFT: "The preview is still being made.",
    PlanState.READY: "Nothing has been written. This is what would happen.",
    PlanState.REQUESTED: "{requester} asks for this restore. Nothing has been written.",
    PlanState.APPROVED: "{approver} approved it. Nothing has been written yet.",
    PlanState.REJECTED: "It was rejected. Nothing was written.",
    PlanState.EXECUTING: "It is being carried out now.",
    PlanState.EXECUTED: "It has been carried out.",
    PlanState.STALE: "It no longer fits: {why} Make a new preview.",
    PlanState.EXPIRED: "It was valid for 24 hours, and they are over. Make a new preview.",
}


@dataclass(frozen=True)
class Sentence:
    """What a restore does, in one breath: the loud part, and the quiet rest."""

    loud: str
    quiet: str


def state_text(plan: RestorePlan, state: PlanState) -> str:
    return _STATES[state].format(
        requester=plan.requested_by or "Somebody",
        approver=plan.approved_by or "Somebody",
        why=plan.stale_reason or "the target or the source changed.",
    )


def sentence(plan: RestorePlan) -> Sentence:
    """``3 replaced, 1 created, nothing deleted.`` and what is not touched."""
    counts = plan.counts
    changes = [
        f"{number(counts[name])} {word}"
        for name, word in (
            ("replace", "replaced"),
            ("create", "created"),
            ("update", "adjusted in mode, owner or time"),
        )
        if counts.get(name)
    ]
    deleted = counts.get("delete", 0)
    if not changes and not deleted:
        loud = "Nothing to do: the target is as the restore point has it."
    else:
        changes.append(f"{number(deleted)} deleted" if deleted else "nothing deleted")
        loud = ", ".join(changes) + "."
    return Sentence(loud[:1].upper() + loud[1:], _quiet(counts))


def _quiet(counts: dict[str, int]) -> str:
    parts = []
    if counts.get("blocked"):
        one = counts["blocked"] == 1
        parts.append(
            f"{number(counts['blocked'])} {'item is' if one else 'items are'} blocked"
            f" and {'stays as it is' if one else 'stay as they are'}."
        )
    if counts.get("unchanged"):
        parts.append(f"{number(counts['unchanged'])} unchanged and not touched.")
    return " ".join(parts)


def diff_lines(text: str) -> list[tuple[str, str]]:
    """A unified diff, line by line, each with what it is: added, removed, head or same."""
    return [(_sort(line), line) for line in text.splitlines()]


def _sort(line: str) -> str:
    if line.startswith(("---", "+++", "@@")):
        return "head"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")
