"""Is every customer safe right now? As documents, for scripts; pages have rows of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from webapp.domain.actors import Actor
from webapp.services import overview, source_pages
from webapp.services.access import Access
from webapp.services.overview import TenantRow
from webapp.services.source_pages import SourceRow


def tenants(actor: Actor, *, at: datetime) -> list[dict[str, Any]]:
    """Every tenant that the actor may see, worst first."""
    return [_tenant(row) for row in overview.rows(actor, at=at)]


def sources(access: Access) -> list[dict[str, Any]]:
    """The tenant's sources, worst first."""
    return [_source(row) for row in source_pages.rows(access)]


def _tenant(row: TenantRow) -> dict[str, Any]:
    return {
        "tenant": row.tenant.slug,
        "name": row.tenant.name,
        "health": row.health,
        "why": row.why,
        "sources": row.sources,
        "protected": row.protected,
        "within_target": row.within_target,
        "running": row.running,
        "stored_bytes": row.stored_bytes,
        "last_7_days": row.days,
    }


def _source(row: SourceRow) -> dict[str, Any]:
    return {
        "source": row.source.name,
        "kind": row.source.kind,
        "health": row.health,
        "why": row.why,
        "newest_good_at": row.newest_good_at,
        "target_minutes": row.target_minutes,
        "restore_points": row.points,
        "stored_bytes": row.stored_bytes,
        "last_run": row.last_run.status if row.last_run else None,
        "is_running": row.active_run is not None,
    }
