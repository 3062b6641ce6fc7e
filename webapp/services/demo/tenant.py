"""The demo tenant as a person meets it: made, damaged, removed. The files are a worker's work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from webapp import clock
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission, Role
from webapp.domain.runs import ACTIVE, RunState, RunType
from webapp.errors import Conflict, Refused
from webapp.extensions import db
from webapp.models import Run, Tenant, TenantStatus, User
from webapp.services import access as gate
from webapp.services import installation, people, runs, sources, tenants
from webapp.services.access import Access
from webapp.services.demo.shop import Shop

SLUG, SOURCE = "demo", "shop"
DAMAGE, REMOVAL = "demo_damage", "demo_removal"
DAMAGED_AT = "damaged_at"  # in the tenant's settings


@dataclass(frozen=True, kw_only=True)
class DemoState:
    """Attributes:
    damaged_at: when the shop was damaged, if no restore has succeeded since.
    run: what a worker is doing, or will do next, to the shop.
    """

    damaged_at: datetime | None
    run: Run | None

    @property
    def is_damaged(self) -> bool:
        return self.damaged_at is not None


def shop() -> Shop:
    """Where this installation's demo shop lies."""
    return Shop(installation.settings().demo_site / "shop")


def create(actor: Actor) -> Tenant:
    """Make the shop and the tenant that owns it, with one source; commits.

    Only the first start and the command line call this: it writes files.

    Raises:
        Forbidden: the actor is no MSP admin.
        Conflict: there is a demo already.
    """
    gate.require_msp_admin(actor)
    present = select(Tenant.id).where(Tenant.is_demo, Tenant.status != TenantStatus.GONE)
    if db.session.scalar(present):
        raise Conflict("There is a demo tenant already.")
    at = clock.now()
    place = shop()
    place.build(at=at)
    facts = tenants.Facts(name="Demo shop", timezone="Europe/Berlin", environment_label="demo")
    tenant = tenants.add(actor, SLUG, facts, at=at)
    tenant.is_demo = True
    access = gate.enter_tenant(actor, tenant, Permission.ADMINISTER)
    tenants.grant_root(access, str(place.folder))
    for admin in db.session.scalars(select(User).where(User.is_msp_admin)).all():
        people.add(access, admin, role=Role.MANAGER, content=True)
    sources.add(
        access,
        kind="site",
        name=SOURCE,
        config={
            "path": str(place.pages),
            "config": str(place.config),
            "db": f"sqlite:///{place.database}",
        },
    )
    return tenant


def damage(access: Access) -> tuple[Run, bool]:
    """Queue the damage, for the demo tenant only; identical requests share one run.

    Raises:
        Forbidden: the role is too small.
        Refused: ``not_demo``.
    """
    _require_demo(access)
    return runs.request(
        access, RunType.MAINTENANCE, DAMAGE, key=DAMAGE, reason="To see what a restore does."
    )


def remove(access: Access) -> tuple[Run, bool]:
    """Queue the removal of the demo: its files, its vault, and the tenant from every page.

    Raises:
        Forbidden: no MSP admin.
        Refused: ``not_demo``.
        Conflict: something is running there.
    """
    access.require(Permission.ADMINISTER)
    _require_demo(access)
    if others_running(access.tenant, REMOVAL):
        raise Conflict("Work is under way in the demo. Wait until it has ended, or cancel it.")
    return runs.request(access, RunType.MAINTENANCE, REMOVAL, key=REMOVAL)


def state(access: Access) -> DemoState | None:
    """How the demo is; None for every other tenant. Asks the database only."""
    access.require(Permission.VIEW)
    if not access.tenant.is_demo:
        return None
    said = access.tenant.settings.get(DAMAGED_AT)
    damaged_at = datetime.fromisoformat(said) if said else None
    if damaged_at and _restored_since(access, damaged_at):
        damaged_at = None
    return DemoState(damaged_at=damaged_at, run=_under_way(access.tenant))


def others_running(tenant: Tenant, action: str) -> bool:
    """Say whether anything but *action* waits or runs in the tenant."""
    return bool(
        db.session.scalar(
            select(Run.id)
            .where(Run.tenant_id == tenant.id, Run.status.in_(ACTIVE), Run.action != action)
            .limit(1)
        )
    )


def _under_way(tenant: Tenant) -> Run | None:
    ours = Run.action.in_((DAMAGE, REMOVAL)) & Run.status.in_(ACTIVE)
    query = select(Run).where(Run.tenant_id == tenant.id, ours).order_by(Run.queued_at)
    return db.session.scalars(query).first()


def _require_demo(access: Access) -> None:
    if not access.tenant.is_demo:
        raise Refused("not_demo", "Only the demo may be damaged or removed like this.")


def _restored_since(access: Access, at: datetime) -> bool:
    return bool(
        db.session.scalar(
            gate.rows(Run, access)
            .where(
                Run.run_type == RunType.RESTORE,
                Run.status == RunState.SUCCEEDED,
                Run.finished_at > at,
            )
            .limit(1)
        )
    )
