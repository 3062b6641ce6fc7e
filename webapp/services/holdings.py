"""What a tenant has, and what is missing: its own page. A constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from webapp.domain import roots
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.models import BackupSet, Run, Source, VaultRecord
from webapp.services import access as gate
from webapp.services import people
from webapp.services.access import Access

_RECENT = 6


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One source. ``status`` is a word of the status dots, ``because`` the rule in a sentence."""

    source: Source
    newest_good: BackupSet | None
    last_run: Run | None
    sets: int
    target_minutes: int
    status: str
    because: str


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something missing. ``place`` names the granted folder that it is about, if any."""

    title: str
    text: str
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Holdings:
    sources: list[Holding]
    gaps: list[Gap]
    recent_runs: list[Run]
    members: int
    vault: VaultRecord | None

    @property
    def safe(self) -> int:
        return sum(holding.status == "success" for holding in self.sources)


def of(access: Access, *, at: datetime) -> Holdings:
    """Everything that the tenant's page shows, worst source first."""
    held = _holdings(access, at=at)
    return Holdings(
        sources=sorted(held, key=lambda h: (_WORST_FIRST.index(h.status), h.source.name.lower())),
        gaps=_gaps(access, held),
        recent_runs=_recent_runs(access),
        members=people.count(access),
        vault=db.session.scalar(gate.rows(VaultRecord, access)),
    )


_WORST_FIRST = ("error", "unknown", "partial", "processing", "success")


def _holdings(access: Access, *, at: datetime) -> list[Holding]:
    sources = db.session.scalars(gate.rows(Source, access).where(Source.removed_at.is_(None))).all()
    good = _newest_good(access)
    counts = _set_counts(access)
    runs = _last_runs(access)
    return [
        _judge(
            Holding(
                source=source,
                newest_good=good.get(source.id),
                last_run=runs.get(source.id),
                sets=counts.get(source.id, 0),
                target_minutes=source.recovery_point_minutes
                or access.tenant.recovery_point_minutes,
                status="",
                because="",
            ),
            at=at,
        )
        for source in sources
    ]


def _judge(held: Holding, *, at: datetime) -> Holding:
    status, because = _verdict(held, at=at)
    return Holding(**{**held.__dict__, "status": status, "because": because})


def _verdict(held: Holding, *, at: datetime) -> tuple[str, str]:
    """The first rule that fits decides."""
    run, newest = held.last_run, held.newest_good
    if run and not run.status.is_final:
        return "processing", "A backup is under way."
    if run and run.status is RunState.FAILED:
        return "error", "The last backup failed."
    if newest is None:
        return "unknown", "There is no complete backup yet."
    if at - newest.finished_at > timedelta(minutes=held.target_minutes):
        return "error", "The newest complete backup is older than the target."
    if run and run.status is RunState.PARTIAL:
        return "partial", "The last backup left something out."
    return "success", "The newest complete backup is within the target."


def _newest_good(access: Access) -> dict[UUID, BackupSet]:
    """The newest complete set of each source; one that a restore made for itself is none."""
    ranked = (
        select(
            BackupSet.id,
            func.row_number()
            .over(partition_by=BackupSet.source_id, order_by=BackupSet.finished_at.desc())
            .label("place"),
        )
        .where(
            BackupSet.tenant_id == access.tenant.id,
            BackupSet.status == SetStatus.COMPLETED,
            BackupSet.backup_type != BackupType.PRE_RESTORE,
            BackupSet.deleted_at.is_(None),
        )
        .subquery()
    )
    query = select(BackupSet).join(ranked, BackupSet.id == ranked.c.id).where(ranked.c.place == 1)
    return {row.source_id: row for row in db.session.scalars(query)}


def _set_counts(access: Access) -> dict[UUID, int]:
    query = (
        select(BackupSet.source_id, func.count())
        .where(BackupSet.tenant_id == access.tenant.id, BackupSet.deleted_at.is_(None))
        .group_by(BackupSet.source_id)
    )
    return {source_id: count for source_id, count in db.session.execute(query)}


def _last_runs(access: Access) -> dict[UUID, Run]:
    ranked = (
        select(
            Run.id,
            func.row_number()
            .over(partition_by=Run.source_id, order_by=Run.queued_at.desc())
            .label("place"),
        )
        .where(Run.tenant_id == access.tenant.id, Run.run_type == RunType.CAPTURE)
        .subquery()
    )
    query = select(Run).join(ranked, Run.id == ranked.c.id).where(ranked.c.place == 1)
    return {row.source_id: row for row in db.session.scalars(query) if row.source_id}


def _recent_runs(access: Access) -> list[Run]:
    query = gate.rows(Run, access).order_by(Run.queued_at.desc()).limit(_RECENT)
    return list(db.session.scalars(query))


def _gaps(access: Access, held: Iterable[Holding]) -> list[Gap]:
    used = [place for holding in held for place in _places(holding.source)]
    bare = [
        root
        for root in access.tenant.granted_roots
        if not any(roots.overlaps(root, place) for place in used)
    ]
    gaps = [
        Gap(
            title="Nothing protects this folder",
            text="It is granted, but no source is in it.",
            place=root,
        )
        for root in bare
    ]
    if not people.managers(access):
        gaps.append(
            Gap(title="There is no manager", text="Only MSP admins can look after people here.")
        )
    return gaps


def _places(source: Source) -> list[str]:
    """The local paths that a source names: plain ones, and that of a database's address."""
    texts = [value for value in source.config.values() if isinstance(value, str)]
    return [text.removeprefix("sqlite:///") for text in texts if "/" in text]
