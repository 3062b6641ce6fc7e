"""What a worker does to the demo: it alone touches the shop's files. Safe to do twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from sqlalchemy import update

from webapp import clock
from webapp.domain.outcomes import Counted
from webapp.errors import Refused
from webapp.extensions import db
from webapp.models import Run, Source, Tenant, TenantStatus
from webapp.services import installation, run_log, vaults
from webapp.services.claims import Claim
from webapp.services.demo.tenant import DAMAGED_AT, REMOVAL, others_running, shop
from webapp.services.runs import Ending


def carry_out_damage(claim: Claim) -> Ending:
    """Spoil the shop, and say in the log what was done.

    Raises:
        Refused: ``not_demo``, ``shop_missing``.
    """
    _demo(claim)
    place = shop()
    if not place.pages.is_dir():
        raise Refused("shop_missing", "The demo shop's folder is gone.")
    claim.check()
    done = place.damage()
    for sentence in done:
        run_log.append(claim, sentence)

    def also(run: Run) -> None:
        tenant = db.session.get_one(Tenant, run.tenant_id)
        tenant.settings = {**tenant.settings, DAMAGED_AT: clock.now().isoformat()}

    return _ending(len(done), also)


def carry_out_removal(claim: Claim) -> Ending:
    """Remove shop and vault, and let the tenant be gone; its name is free again.

    Raises:
        Refused: ``not_demo``, ``busy``.
    """
    tenant = _demo(claim)
    if others_running(tenant, REMOVAL):
        raise Refused("busy", "Work is under way in the demo.")
    db.session.rollback()
    claim.check()
    shop().remove()
    settings = installation.settings()
    for folder in (vaults.folder(claim.tenant_id), settings.home / "cache" / str(claim.tenant_id)):
        shutil.rmtree(folder, ignore_errors=True)

    def also(run: Run) -> None:
        tenant = db.session.get_one(Tenant, run.tenant_id)
        tenant.status = TenantStatus.GONE
        tenant.slug = f"{tenant.slug}-{tenant.id}"
        tenant.granted_roots = []
        db.session.execute(
            update(Source)
            .where(Source.tenant_id == run.tenant_id, Source.removed_at.is_(None))
            .values(removed_at=clock.now())
        )

    return _ending(2, also)


def _demo(claim: Claim) -> Tenant:
    """The claim's tenant, once more checked to be the demo: a job believes no earlier check."""
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    if not tenant.is_demo:
        raise Refused("not_demo", "Only the demo may be damaged or removed like this.")
    return tenant


def _ending(done: int, also: Callable[[Run], None]) -> Ending:
    values = {"total_items": done, "processed_items": done, "succeeded": done}
    return Ending(counted=Counted(done=done), values=values, also=also)
