"""Which runs a list shows, and the links to its other parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import url_for

from webapp.domain.actors import Actor
from webapp.domain.marks import Mark
from webapp.domain.runs import ACTIVE, RunState, RunType
from webapp.models import Run, RunItem, Tenant
from webapp.services import run_lists, runs
from webapp.services.access import Access

PAGE = 50
ITEMS = 50
_SHOWN: dict[str, tuple[str, tuple[RunState, ...]]] = {
    "": ("All", ()),
    "running": ("Running", ACTIVE),
    "failed": ("Failed or partial", (RunState.FAILED, RunState.PARTIAL)),
}


def shown(word: str) -> str:
    """The part that *word* asks for; the whole list for any other word."""
    return word if word in _SHOWN else ""


def moment(text: str) -> datetime | None:
    """A moment from an address; None if it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def mark_of(run: Run) -> Mark:
    """Where a list goes on behind *run*."""
    return Mark(run.queued_at, run.id)


def of_tenant(access: Access, show: str, *, before: Mark | None) -> list[Run]:
    states = _SHOWN[show][1]
    if not states:
        return runs.latest(access, limit=PAGE, before=before)
    found = [
        run
        for state in states
        for run in runs.latest(access, status=state, limit=PAGE, before=before)
    ]
    return sorted(found, key=mark_of, reverse=True)[:PAGE]


def of_everybody(
    actor: Actor, show: str, *, before: Mark | None
) -> tuple[dict[UUID, Tenant], list[Run]]:
    """The newest runs of all the actor's tenants, with the tenants of these runs by id."""
    found = run_lists.everywhere(actor, states=_SHOWN[show][1], limit=PAGE, before=before)
    return {tenant.id: tenant for _, tenant in found}, [run for run, _ in found]


def items_of(access: Access, run: Run) -> list[RunItem]:
    """The first items that a run's page shows: what needs attention, or what a restore did."""
    did_it = run.run_type is RunType.RESTORE
    return runs.items(access, run, only_problems=not did_it, limit=ITEMS)


def parts(endpoint: str, show: str, **values: Any) -> list[dict[str, object]]:
    return [
        {
            "label": label,
            "url": url_for(endpoint, show=word or None, **values),
            "count": None,
            "is_current": word == show,
        }
        for word, (label, _) in _SHOWN.items()
    ]


def older(endpoint: str, show: str, found: Sequence[Run], **values: Any) -> str:
    """The address of the list's next part; empty where this is the last."""
    if len(found) < PAGE:
        return ""
    return url_for(endpoint, show=show or None, before=str(mark_of(found[-1])), **values)
