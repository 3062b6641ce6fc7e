"""What a tenant chose for sets that no schedule made."""

from __future__ import annotations

from webapp.domain.permissions import Permission
from webapp.domain.retention import LEAST_PRE_RESTORE_DAYS, MOST, OwnRules
from webapp.errors import Invalid
from webapp.extensions import db
from webapp.services import audit
from webapp.services.access import Access
from webapp.services.retention import facts


def choose(access: Access, *, hand_days: int | None, pre_restore_days: int) -> OwnRules:
    """Set for how long sets stay that were made by hand, or before a restore. Commits.

    Args:
        hand_days: None: until a person deletes them.

    Raises:
        Invalid: fewer than 30 days for what a restore overwrote, or no sensible number.
    """
    access.require(Permission.MANAGE)
    problems = {}
    if hand_days is not None and not 1 <= hand_days <= MOST:
        problems["hand_days"] = f"From 1 to {MOST:,} days; leave it empty to keep them."
    if not LEAST_PRE_RESTORE_DAYS <= pre_restore_days <= MOST:
        problems["pre_restore_days"] = (
            f"{LEAST_PRE_RESTORE_DAYS} days at least: so long a restore can be undone."
        )
    if problems:
        raise Invalid(problems)
    chosen = {"hand_days": hand_days, "pre_restore_days": pre_restore_days}
    tenant = access.tenant
    before = dict(tenant.settings.get(facts.SETTING, {}))
    tenant.settings = {**tenant.settings, facts.SETTING: chosen}
    audit.record(
        access.actor,
        "retention.changed",
        tenant=tenant,
        resource=f"tenant:{tenant.id}",
        details={"before": before, "after": chosen},
    )
    db.session.commit()
    return facts.own_rules(tenant)
