"""What a tenant chose for sets that no schedule made."""

from __future__ import annotations

from webapp.domain import lowering
from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.domain.retention import LEAST_PRE_RESTORE_DAYS, MOST, OwnRules
from webapp.errors import Invalid
from webapp.extensions import db
from webapp.items import Json
from webapp.services import audit
from webapp.services.access import Access
from webapp.services.retention import facts
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask


def choose(
    access: Access, *, hand_days: int | None, pre_restore_days: int, reason: str = ""
) -> OwnRules:
    """Set for how long sets stay that were made by hand, or before a restore. Commits.

    Args:
        hand_days: None: until a person deletes them.

    Raises:
        Invalid: fewer than 30 days for what a restore overwrote, or no sensible number.
        Waiting: they would stay for a shorter time, and two people are demanded for that.
    """
    access.require(Permission.MANAGE)
    _check(hand_days, pre_restore_days)
    chosen: Json = {"hand_days": hand_days, "pre_restore_days": pre_restore_days}
    tenant = access.tenant
    _require_allowed(access, chosen, reason=reason)
    before = dict(tenant.settings.get(facts.SETTING, {}))
    tenant.settings = {**tenant.settings, facts.SETTING: chosen}
    audit.record(
        access.actor,
        "retention.changed",
        tenant=tenant,
        resource=f"tenant:{tenant.id}",
        reason=reason.strip(),
        details={"before": before, "after": chosen},
    )
    db.session.commit()
    return facts.own_rules(tenant)


def _check(hand_days: int | None, pre_restore_days: int) -> None:
    problems = {}
    if hand_days is not None and not 1 <= hand_days <= MOST:
        problems["hand_days"] = f"From 1 to {MOST:,} days; leave it empty to keep them."
    if not LEAST_PRE_RESTORE_DAYS <= pre_restore_days <= MOST:
        problems["pre_restore_days"] = (
            f"{LEAST_PRE_RESTORE_DAYS} days at least: so long a restore can be undone."
        )
    if problems:
        raise Invalid(problems)


def _require_allowed(access: Access, chosen: Json, *, reason: str) -> None:
    before, after = facts.own_rules(access.tenant), facts.rules_as(chosen)
    lines = lowering.of_own_rules(before, after)
    if not lines and not access.approved:
        return
    ask = Ask(
        act=Act.CHANGE_RULES,
        subject=f"tenant:{access.tenant.id}",
        name=f"rules of {access.tenant.name}",
        state=f"{before.hand_days}, {before.pre_restore_days}",
        parameters=chosen,
        lines=tuple(lines),
        reason=reason,
    )
    asking.require(access, ask)
