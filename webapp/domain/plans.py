"""The life of a restore plan."""

from __future__ import annotations

from enum import StrEnum

from webapp.errors import Conflict

VALID_HOURS = 24


class PlanState(StrEnum):
    DRAFT = "draft"
    READY = "ready"
    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXECUTING = "executing"
    EXECUTED = "executed"
    STALE = "stale"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return not _NEXT[self]


_NEXT: dict[PlanState, set[PlanState]] = {
    PlanState.DRAFT: {PlanState.READY, PlanState.STALE, PlanState.EXPIRED},
    PlanState.READY: {PlanState.REQUESTED, PlanState.STALE, PlanState.EXPIRED},
    PlanState.REQUESTED: {
        PlanState.APPROVED,
        PlanState.REJECTED,
        PlanState.STALE,
        PlanState.EXPIRED,
    },
    PlanState.APPROVED: {PlanState.EXECUTING, PlanState.STALE, PlanState.EXPIRED},
    PlanState.EXECUTING: {PlanState.EXECUTED, PlanState.STALE},
    PlanState.REJECTED: set(),
    PlanState.EXECUTED: set(),
    PlanState.STALE: set(),
    PlanState.EXPIRED: set(),
}


def require_step(old: PlanState, new: PlanState) -> None:
    """Allow the step from *old* to *new*.

    Raises:
        Conflict: the step is not in the table above.
    """
    if new not in _NEXT[old]:
        raise Conflict(f"This plan is {old}; it cannot become {new}.")
