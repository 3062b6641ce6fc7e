"""Sources: adding, changing, removing, looking for them by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.connectors import registry
from webapp.connectors.base import Field
from webapp.domain import overlaps
from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.errors import Forbidden, Invalid
from webapp.extensions import db
from webapp.models import Run, Source, Tenant
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import audit, checks, installation, schedules
from webapp.services.access import Access
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask

_MOST_CHARACTERS = 100
_FOLDERS = {"files": ("path",), "site": ("path",)}  # settings that name a folder, not a file


def kinds() -> dict[str, tuple[str, tuple[Field, ...]]]:
    """Every kind of source: its label and the fields of its form."""
    return {name: (kind.label, tuple(kind.fields)) for name, kind in registry.KINDS.items()}


def rows(access: Access) -> list[Source]:
    """The tenant's sources by name, without removed ones."""
    access.require(Permission.VIEW)
    query = gate.rows(Source, access).where(Source.removed_at.is_(None))
    return list(db.session.scalars(query.order_by(Source.name)))


def find(access: Access, source_id: UUID) -> Source:
    """One source of this tenant; ``Forbidden`` if it is not, ``NotFound`` if it was removed."""
    return gate.find(access, Source, source_id)


def called(access: Access, name_or_id: str) -> Source:
    """The source with this name or id.

    Raises:
        Forbidden: this tenant has none such.
    """
    found = next((source for source in rows(access) if source.name == name_or_id), None)
    if found is not None:
        return found
    try:
        return gate.find(access, Source, UUID(name_or_id))
    except ValueError:
        raise Forbidden(f"There is no source named {name_or_id} that you may see.") from None


def add(
    access: Access,
    *,
    kind: str,
    name: str,
    config: Mapping[str, str],
    recovery_point_minutes: int | None = None,
) -> Source:
    """Add a source and commit. Nothing of it is touched: a worker checks it.

    Raises:
        Invalid: name or settings cannot be used, or lie outside the granted folders.
    """
    access.require(Permission.MANAGE)
    name = _cleaned_name(name)
    cleaned = registry.kind_of(kind).clean(config)
    _require_inside(access.tenant, cleaned)
    source = Source(
        id=new_id(),
        tenant_id=access.tenant.id,
        kind=kind,
        name=name,
        config=cleaned,
        recovery_point_minutes=recovery_point_minutes,
        created_at=clock.now(),
    )
    db.session.add(source)
    _save(access, source, "source.added", {"kind": kind, "config": cleaned})
    return source


def edit(
    access: Access,
    source_id: UUID,
    *,
    name: str,
    config: Mapping[str, str],
    recovery_point_minutes: int | None = None,
) -> Source:
    """Change a source and commit. What was checked before counts no more.

    Raises:
        Invalid: as with ``add``.
    """
    access.require(Permission.MANAGE)
    source = find(access, source_id)
    cleaned = registry.kind_of(source.kind).clean(config)
    _require_inside(access.tenant, cleaned)
    before = {
        "name": source.name,
        "config": dict(source.config),
        "recovery_point_minutes": source.recovery_point_minutes,
    }
    if cleaned != source.config:
        source.check_status = source.checked_at = None
        source.check_findings = []
    source.name, source.config = _cleaned_name(name), cleaned
    source.recovery_point_minutes = recovery_point_minutes
    after = {"config": cleaned, "recovery_point_minutes": recovery_point_minutes}
    _save(access, source, "source.changed", {"before": before, **after})
    return source


def remove(access: Access, source_id: UUID, reason: str) -> None:
    """Remove a source, archive its schedules, and commit. Its backup sets stay, and can be
    restored elsewhere.

    Raises:
        Waiting: two people are demanded for it.
    """
    access.require(Permission.MANAGE)
    source = find(access, source_id)
    _require_allowed(access, source, reason)
    source.removed_at = clock.now()
    archived = schedules.archive_all(access, source, reason)
    _save(access, source, "source.removed", {"schedules_archived": archived}, reason=reason)


def _require_allowed(access: Access, source: Source, reason: str) -> None:
    ask = Ask(
        act=Act.REMOVE_SOURCE,
        subject=f"source:{source.id}",
        name=source.name,
        state=f"{source.kind}, {source.name}, {sorted(source.config.items())}",
        parameters={"reason": reason},
        lines=(
            "It is not captured any more, and its schedules are archived. Its restore points stay.",
        ),
        reason=reason,
    )
    asking.require(access, ask)


def check(access: Access, source_id: UUID) -> tuple[Run, bool]:
    """Queue a live check of the source."""
    return checks.start(access, source_id)


def grant_named(access: Access, kind: str, raw: Mapping[str, str]) -> list[str]:
    """Grant the tenant the folders that settings name, or that hold the files which they name.

    For an MSP admin at the command line, who could do so anyway. Commits; returns what was added.
    """
    access.require(Permission.ADMINISTER)
    config = registry.kind_of(kind).clean(raw)
    granted = list(access.tenant.granted_roots)
    for name, value in config.items():
        for place in overlaps.places_of({name: value}):
            folder = place if name in _FOLDERS.get(kind, ()) else str(PurePosixPath(place).parent)
            if not any(PurePosixPath(folder).is_relative_to(root) for root in granted):
                granted.append(folder)
    added = [root for root in granted if root not in access.tenant.granted_roots]
    if not added:
        return []
    access.tenant.granted_roots = granted
    audit.record(
        access.actor,
        "tenant.root_granted",
        tenant=access.tenant,
        resource=f"tenant:{access.tenant.id}",
        details={"roots": added},
    )
    db.session.commit()
    return added


def _save(
    access: Access, source: Source, act: str, details: dict[str, Any], *, reason: str = ""
) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Invalid({"name": "Another source has this name."}) from None
    audit.record(
        access.actor,
        act,
        tenant=access.tenant,
        resource=f"source:{source.id}",
        reason=reason,
        details={"name": source.name, **details},
    )
    db.session.commit()


def _cleaned_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _MOST_CHARACTERS or not name.isprintable():
        raise Invalid({"name": f"A name has 1 to {_MOST_CHARACTERS} printable characters."})
    return name


def _require_inside(tenant: Tenant, config: Mapping[str, str]) -> None:
    """Compare paths as text; where they really lead is looked at on every opening."""
    problems = {}
    for name, value in config.items():
        for place in overlaps.places_of({name: value}):
            problem = why_not(tenant, place)
            if problem:
                problems[name] = problem
    if problems:
        raise Invalid(problems)


def why_not(tenant: Tenant, place: str) -> str:
    """Why *tenant* may not use a local path; empty if it may. Looks at the text only."""
    settings = installation.settings()
    path = PurePosixPath(place)
    if not any(path.is_relative_to(root) for root in tenant.granted_roots):
        return "It lies outside the folders granted to this tenant."
    if tenant.is_demo and path.is_relative_to(settings.demo_site):
        return ""
    if any(path.is_relative_to(own) for own in settings.own_data):
        return "It lies inside the data folder or a vault."
    return ""
