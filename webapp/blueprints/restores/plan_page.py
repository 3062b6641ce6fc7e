"""Everything that the page of a plan shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for

from webapp import clock
from webapp.blueprints.restores.wording import ACTIONS, sentence, state_text
from webapp.blueprints.web.abilities import abilities
from webapp.domain.plans import PlanState
from webapp.models import RestorePlan
from webapp.services import plan_lists, restores
from webapp.services.access import Access

PAGE = 100


def context(access: Access, plan: RestorePlan, asked: Mapping[str, str]) -> dict[str, Any]:
    """Template variables; *asked* holds ``action``, ``q`` and ``offset`` of the address."""
    action = asked.get("action", "") if asked.get("action") in ACTIONS else ""
    query, offset = asked.get("q", "").strip(), _number(asked.get("offset", "0"))
    found = plan_lists.changes(access, plan, action=action, query=query, limit=PAGE, offset=offset)
    return {
        "tenant": access.tenant,
        "plan": plan,
        "state": effective_state(plan),
        "state_text": state_text(plan, effective_state(plan)),
        "sentence": sentence(plan),
        "rows": found,
        "shown_action": action,
        "query": query,
        "parts": _parts(access, plan, action),
        "older": _at(access, plan, action, query, offset + PAGE) if len(found) == PAGE else "",
        "newer": _at(access, plan, action, query, offset - PAGE) if offset else "",
        "run": plan_lists.run_of(access, plan),
        "needs_two": restores.needs_two_people(access),
        "is_mine": restores.is_own_request(access.actor, plan),
        **abilities(access),
    }


def effective_state(plan: RestorePlan) -> PlanState:
    """The plan's state; expired from the minute on when it is, whoever has noted that yet."""
    is_open = plan.state in {PlanState.READY, PlanState.REQUESTED, PlanState.APPROVED}
    if is_open and plan.expires_at is not None and plan.expires_at <= clock.now():
        return PlanState.EXPIRED
    return plan.state


def _parts(access: Access, plan: RestorePlan, action: str) -> list[dict[str, object]]:
    """The filter's links; only actions that the plan has."""
    changes = sum(count for name, count in plan.counts.items() if name != "unchanged")
    slug = access.tenant.slug
    all_of_it: list[tuple[str, str, int]] = [("", "All changes", changes)]
    named = [(name, label, plan.counts.get(name, 0)) for name, label in ACTIONS.items()]
    return [
        {
            "label": label,
            "url": url_for("restores.plan", tenant_slug=slug, plan_id=plan.id, action=name or None),
            "count": count,
            "is_current": name == action,
        }
        for name, label, count in [*all_of_it, *named]
        if count or not name
    ]


def _at(access: Access, plan: RestorePlan, action: str, query: str, offset: int) -> str:
    return url_for(
        "restores.plan",
        tenant_slug=access.tenant.slug,
        plan_id=plan.id,
        action=action or None,
        q=query or None,
        offset=offset or None,
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
