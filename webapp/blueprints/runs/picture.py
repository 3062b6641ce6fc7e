"""A run as its page describes it: steps, a sentence, how far it is, how long it may take.

Only what is stored in the run's row, so that everybody who looks sees the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from webapp import clock
from webapp.domain.runs import RunState, RunType
from webapp.formatting import length, moment, number, size
from webapp.models import Run
from webapp.services import bulk

_TITLES = {
    RunType.CAPTURE: "Capture of {}",
    RunType.PREVIEW: "Restore preview for {}",
    RunType.RESTORE: "Restore of {}",
}
_ACTIONS = {
    "check": "Check of {}",
    "verify": "Verification of {}",
    "demo_damage": "Damage to the demo",
    "demo_removal": "Removal of the demo",
    "apply_template": "A template applied to sources",
}

# What a run goes through, in order: the word its row holds, and that of the page.
_STEPS: dict[RunType, tuple[tuple[str, str], ...]] = {
    RunType.CAPTURE: (("", "Prepare"), ("reading", "Read"), ("verifying", "Verify")),
    RunType.PREVIEW: (("", "Prepare"), ("comparing", "Compare")),
    RunType.RESTORE: (
        ("", "Prepare"),
        ("capturing what will be overwritten", "Safety copy"),
        ("restoring", "Restore"),
        ("finishing", "Finish"),
    ),
}
_LONG_WAIT_SECONDS = 15.0
_LEAST_SECONDS = 3.0  # before that, a rate is a guess


@dataclass(frozen=True, kw_only=True)
class Step:
    label: str
    state: Literal["done", "now", "next", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Attributes:
    share: 0 to 100; None while the whole is not known.
    sentence: what it does now, or how it ended.
    """

    title: str
    steps: list[Step]
    sentence: str
    share: int | None
    elapsed_seconds: float
    rate: str
    remaining: str

    @classmethod
    def of(cls, run: Run, at: datetime | None = None, *, zone: str = "UTC") -> Picture:
        at = at or clock.now()
        elapsed = _elapsed(run, at)
        return cls(
            title=title(run),
            steps=_steps(run),
            sentence=_sentence(run, at, zone),
            share=run.share,
            elapsed_seconds=elapsed,
            rate=_rate(run, elapsed),
            remaining=_remaining(run, elapsed),
        )


def title(run: Run) -> str:
    """``Capture of Shop``: what a run is, whatever its state."""
    if run.run_type is RunType.BULK and "resource" in run.metadata_:
        return bulk.title(str(run.metadata_["resource"]), run.action, run.total_items or 0)
    pattern = _ACTIONS.get(run.action) or _TITLES.get(run.run_type) or "Work on {}"
    return pattern.format(run.source.name if run.source else "the vault")


def _elapsed(run: Run, at: datetime) -> float:
    if run.started_at is None:
        return 0.0
    return max(((run.finished_at or at) - run.started_at).total_seconds(), 0.0)


def _steps(run: Run) -> list[Step]:
    steps = list(_STEPS.get(run.run_type, ()))
    if steps and run.phase not in dict(steps):
        steps.insert(1, (run.phase, run.phase.capitalize()))  # such as waiting for another run
    here = [phase for phase, _ in steps].index(run.phase) if steps else 0
    return [
        Step(label=label, state=_step_state(run, index - here))
        for index, (_, label) in enumerate(steps)
    ]


def _step_state(run: Run, distance: int) -> Literal["done", "now", "next", "stopped"]:
    if run.status in {RunState.SUCCEEDED, RunState.PARTIAL}:
        return "done"
    if run.status.is_final:
        return "stopped"
    if run.status is RunState.QUEUED:
        return "next"
    return "done" if distance < 0 else "now" if distance == 0 else "next"


def _sentence(run: Run, at: datetime, zone: str) -> str:
    if run.status is RunState.QUEUED:
        return _waiting(run, at, zone)
    if run.status.is_final:
        return _ending(run, at)
    parts = [run.phase.capitalize() or "Working"]
    if run.processed_items:
        parts.append(_of(number(run.processed_items), number(run.total_items), run.total_items))
    if run.read_bytes:
        parts.append(_of(size(run.read_bytes), size(run.total_bytes), run.total_bytes))
    return ": ".join((parts[0], ", ".join(parts[1:]))) if len(parts) > 1 else parts[0] + " …"


def _waiting(run: Run, at: datetime, zone: str) -> str:
    why = f" because {run.waits_for}" if run.waits_for else ""
    if run.not_before is not None and run.not_before > at:
        is_soon = (run.not_before - at).total_seconds() < 12 * 60 * 60
        until = moment(run.not_before, zone, "%H:%M:%S" if is_soon else "%d %b %Y, %H:%M")
        return f"Waits until {until}{why}."
    if why:
        return f"Waits{why}."
    waited = (at - run.queued_at).total_seconds()
    if waited < _LONG_WAIT_SECONDS:
        return "Waits for a worker."
    return f"Waits for a worker since {length(waited)}. Nothing is lost; is a worker running?"


def _of(now: str, whole: str, known: int | None) -> str:
    return f"{now} of {whole}" if known else now


def _ending(run: Run, at: datetime) -> str:
    took = f" in {length(_elapsed(run, at))}" if run.started_at else ""
    return {
        RunState.SUCCEEDED: f"Done{took}.",
        RunState.PARTIAL: f"Partly done{took}.",
        RunState.FAILED: f"Failed after {length(_elapsed(run, at))}."
        if run.started_at
        else "Failed before it began.",
        RunState.CANCELED: "Canceled.",
    }[run.status]


def _rate(run: Run, elapsed: float) -> str:
    if (elapsed < _LEAST_SECONDS and not run.status.is_final) or elapsed <= 0 or not run.read_bytes:
        return ""
    return f"{size(int(run.read_bytes / elapsed))}/s"


def _remaining(run: Run, elapsed: float) -> str:
    """``about 20 s left``, in coarse steps: a number that jumps is worse than none."""
    share = run.share
    if run.status.is_final or not share or elapsed < _LEAST_SECONDS:
        return ""
    seconds = elapsed * (100 - share) / share
    coarse = 5 if seconds < 60 else 30 if seconds < 600 else 300
    return f"about {length(max(coarse, round(seconds / coarse) * coarse))} left"
