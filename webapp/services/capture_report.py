"""What a capture could not read: collected while it runs, written to the run at its end."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import delete, insert

from webapp import clock
from webapp.connectors.base import REASONS
from webapp.extensions import db
from webapp.models import Run, RunItem
from webapp.models.columns import new_id
from webapp.services import run_log
from webapp.services.claims import Claim, writing
from webapp.services.set_contents import Content

MOST_LOGGED = 100
_MOST_CHARACTERS = 500


class Problem(NamedTuple):
    outcome: str  # failed or skipped
    code: str
    message: str


class CaptureReport:
    """A ``Report``: one problem a key, the last word counts."""

    def __init__(self) -> None:
        self.problems: dict[str, Problem] = {}
        self._lines: list[run_log.Line] = []

    def failed(self, key: str, code: str, message: str) -> None:
        self.problems[key] = Problem("failed", code, message or REASONS.get(code, ""))
        self._log("warning", f"{key}: {message or code}")

    def skipped(self, key: str, code: str, message: str) -> None:
        self.problems.setdefault(key, Problem("skipped", code, message or REASONS.get(code, "")))

    def note(self, message: str) -> None:
        self._log("info", message)

    def count(self, outcome: str) -> int:
        return sum(problem.outcome == outcome for problem in self.problems.values())

    def take_lines(self) -> list[run_log.Line]:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def _log(self, level: str, message: str) -> None:
        if len(self.problems) <= MOST_LOGGED:
            self._lines.append(run_log.Line(level, message))


def forget(claim: Claim) -> None:
    """Drop the item rows of an earlier attempt: a capture starts again from the beginning."""
    with writing(claim):
        db.session.execute(delete(RunItem).where(RunItem.run_id == claim.run_id))


def add_items(run: Run, contents: list[Content], report: CaptureReport) -> None:
    """Add one row for each item of the set and each file that did not get into it.

    The caller commits.
    """
    rows = [_content_row(run, content, report) for content in contents]
    known = {content.key for content in contents}
    for key, problem in report.problems.items():
        if key not in known:
            rows.append(_row(run, key, problem))
    for position, row in enumerate(rows):
        row["position"] = position
    if rows:
        db.session.execute(insert(RunItem), rows)


def _content_row(run: Run, content: Content, report: CaptureReport) -> dict[str, Any]:
    """An item is ``partial`` when files below it failed."""
    below = content.key if content.key.endswith(":") else content.key + "/"
    problems = report.problems.items()
    failed = sum(p.outcome == "failed" and key.startswith(below) for key, p in problems)
    own = report.problems.get(content.key)
    if own is not None and own.outcome == "failed":
        row = _row(run, content.key, own)
    elif failed:
        row = _row(run, content.key, Problem("partial", "files_failed", f"{failed} files failed."))
    else:
        row = _row(run, content.key, Problem("succeeded", "", ""))
    return {**row, "size": content.size, "after_hash": content.content_hash}


def _row(run: Run, key: str, problem: Problem) -> dict[str, Any]:
    return {
        "id": new_id(), "tenant_id": run.tenant_id, "run_id": run.id, "item_key": key,
        "action": "capture", "outcome": problem.outcome, "reason_code": problem.code,
        "message": problem.message[:_MOST_CHARACTERS], "finished_at": clock.now(),
        "size": None, "after_hash": "",
    }  # fmt: skip
