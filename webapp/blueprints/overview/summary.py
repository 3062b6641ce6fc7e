"""All tenants in one sentence and a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.services.overview import Totals


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Attributes:
    headline: the answer, in words.
    within_share: percent of sources within their target; never 100 while one is not.
    """

    headline: str
    within_share: str
    totals: Totals

    @classmethod
    def of(cls, totals: Totals) -> Summary:
        return cls(headline=headline(totals), within_share=_share(totals), totals=totals)


def headline(totals: Totals) -> str:
    needing, safe = totals.needing, totals.tenants - totals.needing
    if not totals.tenants:
        return "There is no customer here yet."
    if not needing:
        return f"{totals.first_name} is safe." if safe == 1 else f"All {safe} customers are safe."
    if totals.tenants == 1:
        return f"{totals.first_name} needs you."
    if not safe:
        return f"All {totals.tenants} customers need you."
    need = "needs" if needing == 1 else "need"
    return f"{needing} of {totals.tenants} customers {need} you. {_are_safe(safe)}"


def _share(totals: Totals) -> str:
    """Rounded down: 99.9 % where one of ten thousand is overdue."""
    if not totals.sources:
        return "–"
    thousandths = totals.within_target * 1000 // totals.sources
    return f"{thousandths / 10:g} %"


def _are_safe(count: int) -> str:
    return "One is safe." if count == 1 else f"{count} are safe."
