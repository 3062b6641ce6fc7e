"""``--wait``: following a run until it ends."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import click

from webapp.cli.framework import EXIT, Console
from webapp.domain.runs import RunState
from webapp.services import processes, runs
from webapp.services.access import Access

PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.25

# Ends of a run that are refusals: nothing was wrong with the work, it was not allowed to begin.
_REFUSALS = {
    "forbidden", "conflict", "not_allowed_any_more", "plan_stale", "plan_altered", "plan_expired",
    "not_approved",
}  # fmt: skip


def until_ended(access: Access, run_id: UUID) -> dict[str, Any]:
    """The run's document once it has ended; progress goes to stderr.

    Exits 1 if no worker is there for 10 seconds; the run stays queued.
    """
    told, lonely_since = "", time.monotonic()
    while True:
        run = runs.present(access, run_id)
        if RunState(run["status"]).is_final:
            return run
        now = time.monotonic()
        if processes.is_alive(processes.WORKER):
            lonely_since = now
        elif now - lonely_since > PATIENCE_SECONDS:
            Console.say(
                f"lastgood: no worker is running. Run {run_id} stays {run['status']} until "
                "`lastgood serve` or `lastgood worker` is started."
            )
            raise click.exceptions.Exit(EXIT.FAILED)
        told = _tell(run, told)
        time.sleep(_LOOK_SECONDS)


def exit_code(run: dict[str, Any]) -> int:
    """The exit code of a command whose run ended like this."""
    if run["status"] == RunState.FAILED and run["error_code"] in _REFUSALS:
        return EXIT.REFUSED
    return {
        RunState.SUCCEEDED: EXIT.DONE,
        RunState.PARTIAL: EXIT.PARTIAL,
    }.get(RunState(run["status"]), EXIT.FAILED)


def end(run: dict[str, Any]) -> None:
    """Say why it did not go well, if so, and end the command."""
    if run["failure_reason"]:
        Console.say(f"lastgood: {run['failure_reason']}")
    elif run["status"] != RunState.SUCCEEDED and run["deciding_rule"]:
        Console.say(f"lastgood: {run['status']}: {run['deciding_rule']}")
    raise click.exceptions.Exit(exit_code(run))


def _tell(run: dict[str, Any], told: str) -> str:
    counts = run["counts"]
    line = f"{run['status']} {run['phase']}".strip()
    if run["waits_for"]:
        line += f": waits because {run['waits_for']}"
    if counts["processed"]:
        line += f": {counts['processed']:,} items"
    if line != told:
        Console.say(line)
    return line
