"""Rows of a plan, as they come from the connector and as they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from webapp.connectors.base import Action, Planned
from webapp.items import text_to_path
from webapp.models.columns import new_id
from webapp.services import installation
from webapp.services.plan_checks import Sums
from webapp.services.plan_digests import Digest
from webapp.services.undo import Change


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the connector cannot know.

    Attributes:
        missing: keys that the capture did not get, and why.
        undo: what the restore that is undone had changed; None for any other plan.
        excluded: says of a path in the tree whether the source's patterns left it out when the
            backup was made; None if there were none.
    """

    missing: Mapping[str, str]
    undo: tuple[Change, ...] | None
    excluded: Callable[[bytes], bool] | None = None


class PlanRows:
    """Turns planned rows into rows of the table; counts and digests them on the way."""

    def __init__(self, tenant_id: UUID, plan_id: UUID, digest: Digest, known: Known) -> None:
        self._tenant_id, self._plan_id = tenant_id, plan_id
        self._missing, self._excluded = known.missing, known.excluded
        self._left = {change.key: change.left for change in known.undo or ()}
        self.digest = digest
        self.counts: Counter[str] = Counter()
        self.sums = Sums()
        self.position = 0

    def row(self, planned: Planned) -> dict[str, Any]:
        """The next row, in the order in which it is carried out."""
        planned = self._kept_if_unknown(self._since_then(planned))
        self._count(planned)
        row = {
            "id": new_id(), "tenant_id": self._tenant_id, "plan_id": self._plan_id,
            "position": self.position, "item_key": planned.key, "kind": planned.kind,
            "action": planned.action.value, "before_hash": planned.before,
            "after_hash": planned.after, "reason": planned.reason,
            "reason_code": planned.reason_code, "risk": planned.risk,
            "size_before": planned.size_before, "size_after": planned.size_after,
            "details": dict(planned.details), "diff_sealed": self._sealed(planned),
        }  # fmt: skip
        self.digest.add(row)
        return row

    def _count(self, planned: Planned) -> None:
        self.position += 1
        self.counts[planned.action.value] += 1
        if planned.action in {Action.CREATE, Action.REPLACE}:
            self.sums.written_bytes += planned.size_after or 0
        if planned.action in {Action.UPDATE, Action.REPLACE, Action.DELETE}:
            self.sums.safety_bytes += planned.size_before or 0

    def _sealed(self, planned: Planned) -> str | None:
        if not planned.diff:
            return None
        return installation.seal(planned.diff, purpose=f"diff of plan {self._plan_id}")

    def _kept_if_unknown(self, planned: Planned) -> Planned:
        """Nothing is removed for being absent from a backup that did not look at it."""
        if planned.action is not Action.DELETE:
            return planned
        cause = next(filter(None, map(self._cause, _with_folders(planned.key))), None)
        if cause is None:
            return planned
        why = f"The backup lacks it for a reason: {cause} So it is not removed."
        return replace(
            planned, action=Action.BLOCKED, reason=why, reason_code="not_supported", risk="none"
        )

    def _cause(self, key: str) -> str | None:
        if key in self._missing:
            return self._missing[key]
        section, _, rest = key.partition(":")
        if self._excluded and section == "tree" and rest and self._excluded(text_to_path(rest)):
            return "it was excluded then by a pattern."
        return None

    def _since_then(self, planned: Planned) -> Planned:
        """An undo says of each item whether somebody changed it after the restore."""
        if planned.action in {Action.UNCHANGED, Action.BLOCKED}:
            return planned
        left = self._left.get(planned.key)
        if left is None or left == planned.before:
            return planned
        reason = f"It has changed again since that restore. {planned.reason}"
        return replace(planned, reason=reason, risk="high")


def _with_folders(key: str) -> Iterator[str]:
    """The key, and that of every folder it lies in."""
    while key:
        yield key
        key = key.rpartition("/")[0]
