"""The list of sources, and the page of one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, render_template

from webapp.blueprints.sources.base import KIND_NAMES, bp
from webapp.blueprints.sources.trend import Trend
from webapp.blueprints.web.abilities import abilities
from webapp.blueprints.web.gate import requires
from webapp.blueprints.web.rendering import render
from webapp.domain.permissions import Permission
from webapp.domain.restore_points import BackupType
from webapp.domain.runs import RunType
from webapp.services import runs, schedule_pages, sets, source_pages, sources
from webapp.services.access import Access

_TIMELINE = 30


@bp.get("")
@requires(Permission.VIEW)
def index(access: Access) -> Response:
    return render(
        "sources/index.html",
        fragment="sources/_list.html",
        tenant=access.tenant,
        rows=source_pages.rows(access),
        kind_names=KIND_NAMES,
        **abilities(access),
    )


@bp.get("/<uuid:source_id>")
@requires(Permission.VIEW)
def show(access: Access, source_id: UUID) -> str:
    source = sources.find(access, source_id)
    points = sets.rows(access, source_id=source.id, limit=_TIMELINE)
    return render_template(
        "sources/show.html",
        tenant=access.tenant,
        source=source,
        row=source_pages.row(access, source),
        points=points,
        trend=Trend.of([one for one in points if one.backup_type is not BackupType.PRE_RESTORE]),
        checking=source_pages.check_under_way(access, source),
        runs=runs.latest(access, source_id=source.id, limit=8),
        schedules=schedule_pages.of_source(access, source),
        captures=runs.latest(access, source_id=source.id, run_type=RunType.CAPTURE, limit=1),
        kind_names=KIND_NAMES,
        **abilities(access),
    )


@bp.get("/<uuid:source_id>/check")
@requires(Permission.VIEW)
def check(access: Access, source_id: UUID) -> str:
    source = sources.find(access, source_id)
    return render_template(
        "sources/_check.html",
        tenant=access.tenant,
        source=source,
        checking=source_pages.check_under_way(access, source),
        **abilities(access),
    )
