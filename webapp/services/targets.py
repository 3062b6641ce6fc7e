"""What a plan writes to: a source of the tenant, or a folder given with ``--to-path``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from webapp.connectors import registry
from webapp.connectors.base import Connector, Surroundings
from webapp.domain.targets import moved
from webapp.models import RestorePlan, Source
from webapp.services import access as gate
from webapp.services import source_settings
from webapp.services.access import Access


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target's settings, read once.

    Attributes:
        fingerprint: of the settings; another one since the preview makes a plan stale.
    """

    source_id: UUID
    kind: str
    config: dict[str, Any]
    fingerprint: str

    def connect(self, around: Surroundings) -> Connector:
        return registry.connect(self.kind, self.config, around)


def of_plan(access: Access, plan: RestorePlan) -> Target:
    """Raises:
    NotFound: the source was removed, and no folder was chosen in its stead.
    """
    find = gate.find_even_deleted if plan.target_path else gate.find
    return of(find(access, Source, plan.target_source_id), plan.target_path)


def of(source: Source, folder: str | None) -> Target:
    config = moved(source.kind, source.config, folder) if folder else dict(source.config)
    return Target(
        source_id=source.id,
        kind=source.kind,
        config=config,
        fingerprint=source_settings.fingerprint_of(source.kind, source.host, config),
    )
