"""The lists that are asked for, by whom, and how long each may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask, url_for
from sqlalchemy import select

from bench.loading.filling import Filled
from webapp.domain.marks import Mark
from webapp.extensions import db
from webapp.models import BackupSet, Run, Tenant

LIST, POLL = "list", "poll"
LIMITS = {LIST: 100.0, POLL: 25.0}  # milliseconds, p95


@dataclass(frozen=True)
class Page:
    key: str
    person: str
    address: str
    sort: str = LIST


def pages(app: Flask, filled: Filled) -> list[Page]:
    """Asked within an application context."""
    with app.test_request_context():
        return [*_everywhere(), *_of_big(filled), *_of_small(filled), *_polls(filled)]


def _everywhere() -> Iterator[Page]:
    """What people see who look after all customers."""
    far = str(_run_mark(None))
    for person in ("root", "olga"):
        yield Page(f"all runs, {person}", person, url_for("runs.all"))
        yield Page(f"all runs, far back, {person}", person, url_for("runs.all", before=far))
        for show in ("running", "failed"):
            yield Page(f"all runs {show}, {person}", person, url_for("runs.all", show=show))
        yield Page(f"notifications, {person}", person, url_for("notifications.index"))
    unread = url_for("notifications.index", show="unread")
    yield Page("notifications unread, root", "root", unread)
    yield Page("restore log of all, root", "root", url_for("restore_log.everywhere"))
    yield Page("schedules of all, root", "root", url_for("schedules.all"))
    yield Page("tenants, root", "root", url_for("tenants.index"))


def _of_big(filled: Filled) -> Iterator[Page]:
    here: dict[str, Any] = {"tenant_slug": filled.big}
    runs, sets = str(_run_mark(filled.big)), str(_set_mark(filled.big))
    source, restore = UUID(filled.source_id), UUID(filled.restore_id)
    restored_by = db.session.get_one(Run, restore).tenant_id
    of_restore = db.session.get_one(Tenant, restored_by).slug
    found = {
        "runs": url_for("runs.index", **here),
        "runs, far back": url_for("runs.index", **here, before=runs),
        "runs running": url_for("runs.index", **here, show="running"),
        "runs failed": url_for("runs.index", **here, show="failed"),
        "bulk runs": url_for("bulk.index", **here),
        "backup sets": url_for("sets.index", **here),
        "backup sets, far back": url_for("sets.index", **here, before=sets),
        "backup sets of a source": url_for("sets.index", **here, source=source),
        "sources": url_for("sources.index", **here),
        "a source": url_for("sources.show", **here, source_id=source),
        "schedules": url_for("schedules.index", **here),
        "trash": url_for("retention.index", **here),
        "restores": url_for("restores.index", **here),
        "restore log": url_for("restore_log.index", **here),
        "audit log": url_for("audit.index", **here),
        "the tenant": url_for("tenants.show", **here),
    }
    for name, address in found.items():
        yield Page(f"{name}, largest customer", "clara", address)
    most = url_for("runs.show", tenant_slug=of_restore, run_id=restore)
    yield Page("the run with most items", "olga", most)
    items = url_for("runs.items", tenant_slug=of_restore, run_id=restore)
    yield Page("its items", "olga", items)


def _of_small(filled: Filled) -> Iterator[Page]:
    here = {"tenant_slug": filled.small}
    for name, endpoint in (
        ("runs", "runs.index"),
        ("backup sets", "sets.index"),
        ("sources", "sources.index"),
        ("restore log", "restore_log.index"),
        ("audit log", "audit.index"),
    ):
        yield Page(f"{name}, small customer", "sam", url_for(endpoint, **here))


def _polls(filled: Filled) -> Iterator[Page]:
    live = {"tenant_slug": filled.big, "run_id": UUID(filled.live_id)}
    for name in ("progress", "log", "items"):
        address = url_for(f"runs.{name}", **live)
        if name != "log":  # which answers nothing while there is no news
            yield Page(f"poll: {name}", "clara", address, POLL)
    for person in ("root", "olga"):
        yield Page(f"poll: running work, {person}", person, url_for("runs.running"), POLL)
    here = url_for("runs.running_here", tenant_slug=filled.big)
    yield Page("poll: running work, largest customer", "clara", here, POLL)


def _run_mark(slug: str | None) -> Mark:
    """Where half of the runs are behind."""
    query = select(Run.queued_at, Run.id).order_by(Run.queued_at, Run.id)
    if slug is not None:
        query = query.join(Tenant, Tenant.id == Run.tenant_id).where(Tenant.slug == slug)
    rows = db.session.execute(query).all()
    return Mark(*rows[len(rows) // 2])


def _set_mark(slug: str) -> Mark:
    query = select(BackupSet.finished_at, BackupSet.id).join(
        Tenant, Tenant.id == BackupSet.tenant_id
    )
    rows = db.session.execute(
        query.where(Tenant.slug == slug).order_by(BackupSet.finished_at, BackupSet.id)
    ).all()
    return Mark(*rows[len(rows) // 2])
