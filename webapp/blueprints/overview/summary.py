"""All tenants in one sentence and a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.services.overview import TenantRow


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Attributes:
    headline: the answer, in words.
    within_share: percent of protected sources within their target; None without any.
    """

    headline: str
    sources: int
    protected: int
    within_target: int
    within_share: str
    running: int
    stored_bytes: int

    @classmethod
    def of(cls, rows: Sequence[TenantRow]) -> Summary:
        sources = sum(row.sources for row in rows)
        within = sum(row.within_target for row in rows)
        return cls(
            headline=headline(rows),
            sources=sources,
            protected=sum(row.protected for row in rows),
            within_target=within,
            within_share=f"{within / sources * 100:.3g} %" if sources else "–",
            running=sum(len(row.running) for row in rows),
            stored_bytes=sum(row.stored_bytes for row in rows),
        )


def headline(rows: Sequence[TenantRow]) -> str:
    needing = [row for row in rows if row.health.needs_a_person]
    safe = len(rows) - len(needing)
    if not rows:
        return "There is no customer here yet."
    if not needing:
        return f"{rows[0].tenant.name} is safe." if safe == 1 else f"All {safe} customers are safe."
    if len(rows) == 1:
        return f"{rows[0].tenant.name} needs you."
    if not safe:
        return f"All {len(rows)} customers need you."
    need = "needs" if len(needing) == 1 else "need"
    return f"{len(needing)} of {len(rows)} customers {need} you. {_are_safe(safe)}"


def _are_safe(count: int) -> str:
    return "One is safe." if count == 1 else f"{count} are safe."
