"""Reading the audit log: filtered, in pages, and as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.models import INSTALLATION_CHAIN, AuditEntry, Tenant
from webapp.services import access as gate
from webapp.services import audit, csv_files
from webapp.services.access import Access

COLUMNS = ("seq", "at", "actor", "action", "resource", "reason", "details", "prev_hash", "hash")


@dataclass(frozen=True)
class Chain:
    """A chain that the actor may read. Made by ``of_tenant`` and ``of_installation`` only."""

    id: UUID
    actor: Actor
    tenant: Tenant | None


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What to show; empty means all. *since* is included, *until* is not."""

    actor: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


def of_tenant(access: Access) -> Chain:
    """Raises:
    Forbidden: the role does not allow it.
    """
    access.require(Permission.VIEW_AUDIT)
    return Chain(access.tenant.id, access.actor, access.tenant)


def of_installation(actor: Actor) -> Chain:
    """Raises:
    Forbidden: no MSP admin.
    """
    gate.require_msp_admin(actor)
    return Chain(INSTALLATION_CHAIN, actor, None)


def newest(
    chain: Chain, wanted: Filter, *, limit: int, before: int | None = None
) -> list[AuditEntry]:
    """The newest entries, newest first; with *before*, those before that number."""
    query = _query(chain, wanted).order_by(AuditEntry.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.seq < before)
    return list(db.session.scalars(query))


def actions(chain: Chain) -> list[str]:
    """Every action that the chain holds, for a filter's list.

    From one to the next by index: a chain of a million links has some forty of them.
    """
    mine = AuditEntry.chain == chain.id
    first = select(func.min(AuditEntry.action).label("action")).where(mine)
    found = first.cte("found", recursive=True)
    following = select(func.min(AuditEntry.action)).where(mine, AuditEntry.action > found.c.action)
    found = found.union_all(
        select(following.correlate(found).scalar_subquery()).where(found.c.action.is_not(None))
    )
    query = select(found.c.action).where(found.c.action.is_not(None))
    return sorted(db.session.scalars(query))


def note_export(chain: Chain, wanted: Filter, form: str) -> None:
    """Write down that the log was taken away; commits."""
    period = {"since": _moment(wanted.since), "until": _moment(wanted.until)}
    audit.record(
        chain.actor, "audit.exported", tenant=chain.tenant,
        details={"form": form, "actor": wanted.actor, "action": wanted.action, **period},
    )  # fmt: skip
    db.session.commit()


def json_lines(chain: Chain, wanted: Filter) -> Iterator[str]:
    """One JSON document a line, oldest first."""
    for entry in _stream(chain, wanted):
        yield json.dumps(as_document(entry), ensure_ascii=False) + "\n"


def csv_lines(chain: Chain, wanted: Filter) -> Iterator[str]:
    """CSV with a head, oldest first. No cell can be taken for a formula."""
    yield csv_files.line(COLUMNS)
    for entry in _stream(chain, wanted):
        document = as_document(entry)
        document["details"] = json.dumps(document["details"], ensure_ascii=False)
        yield csv_files.line(document[name] for name in COLUMNS)


def as_document(entry: AuditEntry) -> dict[str, Any]:
    """The entry as exports and commands show it."""
    document = {name: getattr(entry, name) for name in COLUMNS}
    return {**document, "id": str(entry.id), "at": _moment(entry.at)}


def _stream(chain: Chain, wanted: Filter) -> Iterator[AuditEntry]:
    query = _query(chain, wanted).order_by(AuditEntry.seq)
    yield from db.session.scalars(query, execution_options={"yield_per": 500})


def _query(chain: Chain, wanted: Filter) -> Select[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.chain == chain.id)
    if wanted.actor:
        query = query.where(AuditEntry.actor.icontains(wanted.actor, autoescape=True))
    if wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.since:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEntry.at < wanted.until)
    return query


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="microseconds") if at else None
