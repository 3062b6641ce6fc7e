"""The life of a run: which states there are and which steps between them."""

from __future__ import annotations

from enum import StrEnum

from webapp.errors import Conflict


class RunType(StrEnum):
    CAPTURE = "capture_run"
    RESTORE = "restore_run"
    PREVIEW = "preview_run"
    BULK = "bulk_operation_run"
    DRILL = "drill_run"
    MAINTENANCE = "maintenance_run"


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return not _NEXT[self]


_NEXT: dict[RunState, set[RunState]] = {
    RunState.QUEUED: {RunState.RUNNING, RunState.CANCELED, RunState.FAILED},
    RunState.RUNNING: {
        RunState.SUCCEEDED,
        RunState.PARTIAL,
        RunState.FAILED,
        RunState.CANCELED,
        RunState.QUEUED,  # it waits for what may pass, and is tried again
    },
    RunState.SUCCEEDED: set(),
    RunState.PARTIAL: set(),
    RunState.FAILED: set(),
    RunState.CANCELED: set(),
}

ACTIVE = tuple(state for state in RunState if not state.is_final)

# It says something about what it worked on; that somebody stopped it does not.
ENDED_BY_ITSELF = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED)


def require_step(old: RunState, new: RunState) -> None:
    """Allow the step from *old* to *new*.

    Raises:
        Conflict: the step is not in the table above.
    """
    if new not in _NEXT[old]:
        raise Conflict(f"A {old} run cannot become {new}.")
