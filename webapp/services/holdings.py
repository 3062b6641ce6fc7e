"""What a tenant has, and what is missing: its own page. A constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from webapp.domain import roots
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.models import Run, Source, VaultRecord
from webapp.services import access as gate
from webapp.services import people, run_views, source_pages
from webapp.services.access import Access
from webapp.services.source_pages import SourceRow

_RECENT = 6


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something missing. ``place`` names the granted folder that it is about, if any."""

    title: str
    text: str
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Holdings:
    sources: list[SourceRow]
    gaps: list[Gap]
    recent_runs: list[Run]
    members: int
    vault: VaultRecord | None

    @property
    def safe(self) -> int:
        """Sources that need nobody's attention."""
        return sum(not row.health.needs_a_person for row in self.sources)


def of(access: Access) -> Holdings:
    """Everything that the tenant's page shows, worst source first."""
    access.require(Permission.VIEW)
    held = source_pages.rows(access)
    return Holdings(
        sources=held,
        gaps=_gaps(access, held),
        recent_runs=_recent_runs(access),
        members=people.count(access),
        vault=db.session.scalar(gate.rows(VaultRecord, access)),
    )


def _recent_runs(access: Access) -> list[Run]:
    return run_views.latest(access, limit=_RECENT)


def _gaps(access: Access, held: Iterable[SourceRow]) -> list[Gap]:
    used = [place for row in held for place in _places(row.source)]
    bare = [
        Gap(
            title="Nothing protects this folder",
            text="It is granted, but no source is in it.",
            place=root,
        )
        for root in access.tenant.granted_roots
        if not any(roots.overlaps(root, place) for place in used)
    ]
    unmanaged = [
        Gap(title="There is no manager", text="Only MSP admins can look after people here.")
    ]
    return bare + ([] if people.managers(access) else unmanaged)


def _places(source: Source) -> list[str]:
    """The local paths that a source names: plain ones, and that of a database's address."""
    texts = [value for value in source.config.values() if isinstance(value, str)]
    return [text.removeprefix("sqlite:///") for text in texts if "/" in text]
