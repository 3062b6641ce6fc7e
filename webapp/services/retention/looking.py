"""What retention would do, and why a set is still there. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import SetStatus
from webapp.domain.retention import Decision, Point, Rules, decide
from webapp.domain.retention_calendar import MOST_IMAGINED, Month, imagined, months
from webapp.domain.slots import Timing
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupSet, Source, VaultRecord
from webapp.services import access as gate
from webapp.services.access import Access
from webapp.services.retention import facts
from webapp.services.retention.facts import Judged


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What rules would keep of a schedule's sets.

    Attributes:
        is_imagined: the schedule has made none yet: these are as if it had run for a year.
    """

    rules: Rules
    decisions: list[Decision]
    is_imagined: bool

    @property
    def months(self) -> list[Month]:
        return months(self.decisions, timezone=self.rules.timezone)

    @property
    def kept(self) -> int:
        return sum(one.is_kept for one in self.decisions)

    @property
    def gone(self) -> int:
        return len(self.decisions) - self.kept

    @property
    def since(self) -> datetime | None:
        """When the imagined ones begin, if a year of them is too many to look at."""
        if not self.is_imagined or len(self.decisions) < MOST_IMAGINED:
            return None
        return self.decisions[-1].point.made_at


def outlook(
    access: Access,
    rules: Rules,
    *,
    schedule_id: UUID | None = None,
    timing: Timing | None = None,
    at: datetime | None = None,
) -> Outlook:
    """What *rules* would keep of what this schedule made; if that is nothing, of what one with
    this *timing* would have made in a year.

    Raises:
        Forbidden: the schedule is not this tenant's.
    """
    access.require(Permission.VIEW)
    now = at or clock.now()
    points = []
    if schedule_id is not None:
        schedule: BackupSchedule = gate.find(access, BackupSchedule, schedule_id)
        judged = facts.judge(access.tenant, [schedule.source_id], at=now)
        points = [
            one.decision.point for one in judged if one.decision.point.schedule == schedule.id
        ]
    if points:
        return Outlook(rules=rules, decisions=decide(points, rules, at=now), is_imagined=False)
    points = imagined(timing, at=now) if timing else []
    return Outlook(rules=rules, decisions=decide(points, rules, at=now), is_imagined=True)


def preview(
    sets: Sequence[BackupSet], rules: Rules, *, at: datetime
) -> list[tuple[BackupSet, bool, str]]:
    """What *rules* alone would keep of these sets of one schedule: each, whether it stays, and the
    rule in words; newest first."""
    by_id = {one.id: one for one in sets}
    points = [
        Point(
            id=one.id,
            made_at=one.finished_at,
            is_complete=one.status is SetStatus.COMPLETED,
            sort=one.backup_type,
            spared=facts.why_spared(one, {}),
        )
        for one in sets
    ]
    return [(by_id[one.point.id], one.is_kept, one.rule) for one in decide(points, rules, at=at)]


def judged(
    access: Access, *, source_id: UUID | None = None, at: datetime | None = None
) -> list[Judged]:
    """Every living set, of one source or all, and what becomes of it by the rules as they are."""
    access.require(Permission.VIEW)
    if source_id is not None:
        ids = [gate.find_even_deleted(access, Source, source_id).id]
    else:
        living = select(BackupSet.source_id).where(
            BackupSet.tenant_id == access.tenant.id, BackupSet.deleted_at.is_(None)
        )
        ids = sorted(db.session.scalars(living.distinct()))
    return facts.judge(access.tenant, ids, at=at or clock.now())


def why(access: Access, backup_set: BackupSet) -> str:
    """Why a set is still there, or that the next retention takes it: one sentence."""
    found = judged(access, source_id=backup_set.source_id)
    one = next((one for one in found if one.set.id == backup_set.id), None)
    if one is None:
        return ""
    if one.decision.is_kept:
        by = f", by schedule {one.schedule}" if one.schedule else ""
        return f"It stays: {one.decision.rule}{by}."
    return f"The next retention puts it into the trash. {one.decision.rule}"


def vault(access: Access) -> VaultRecord | None:
    """When the tenant's vault was cleaned up last, and how much that freed."""
    access.require(Permission.VIEW)
    return db.session.scalar(gate.rows(VaultRecord, access))


def as_document(one: Judged) -> dict[str, Any]:
    """A set and its fate as scripts see it."""
    return {
        "id": str(one.set.id),
        "name": one.set.name,
        "source_id": str(one.set.source_id),
        "schedule": one.schedule or None,
        "status": one.set.status,
        "finished_at": one.set.finished_at,
        "kept": one.decision.is_kept,
        "rule": one.decision.rule,
    }
