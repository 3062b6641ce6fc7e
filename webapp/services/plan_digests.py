"""The keyed digest of a plan: over every row, the restore point, the target and the options.

Whoever could change a row in the database but has not the key cannot make the digest fit.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from webapp.extensions import db
from webapp.models import BackupSet, PlanItem, RestorePlan
from webapp.services import installation

COLUMNS = (
    "position", "item_key", "kind", "action", "before_hash", "after_hash", "reason",
    "reason_code", "risk", "size_before", "size_after", "details", "diff_sealed",
)  # fmt: skip


class Digest:
    """Grows with the rows, in their order."""

    def __init__(self, facts: object) -> None:
        self._mac = hmac.new(installation.ring().derive("plan digest"), digestmod=sha256)
        self._add(facts)

    def add(self, row: Mapping[str, Any]) -> None:
        self._add([row[name] for name in COLUMNS])

    def hex(self) -> str:
        return self._mac.hexdigest()

    def _add(self, value: object) -> None:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        self._mac.update(text.encode() + b"\n")


def facts_of(plan: RestorePlan, backup_set: BackupSet) -> list[Any]:
    """Everything beside the rows that a plan's meaning depends on."""
    return [
        str(plan.id), str(plan.tenant_id), str(backup_set.id), list(backup_set.snapshot_ids),
        str(plan.target_source_id), plan.target_path, list(plan.scope), plan.with_delete,
        str(plan.undo_of_run_id), plan.source_fingerprint, plan.target_fingerprint,
    ]  # fmt: skip


def recomputed(plan: RestorePlan) -> str:
    """The digest of the plan as the database has it now."""
    backup_set = db.session.get_one(BackupSet, plan.backup_set_id)
    digest = Digest(facts_of(plan, backup_set))
    for row in _rows(plan):
        digest.add(row)
    return digest.hex()


def _rows(plan: RestorePlan) -> Iterator[Mapping[str, Any]]:
    columns = [getattr(PlanItem, name) for name in COLUMNS]
    query = select(*columns).where(PlanItem.plan_id == plan.id).order_by(PlanItem.position)
    for row in db.session.execute(query.execution_options(yield_per=1000)):
        yield dict(zip(COLUMNS, row, strict=True))
