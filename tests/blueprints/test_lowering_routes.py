"""No route lets one person keep less, remove a source or take a key, where two are demanded.

All routes are walked: one that is added later is tested from its first day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict

from tests import factories
from tests.blueprints.routes import Route, all_routes, typed
from webapp import clock
from webapp.domain import lowering
from webapp.domain.acts import RequestState
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState
from webapp.domain.schedules import Draft
from webapp.domain.tenants import TwoPeople
from webapp.extensions import db
from webapp.models import (
    ActRequest,
    BackupSchedule,
    BackupSet,
    RestorePlan,
    Run,
    Source,
    TenantStatus,
    VaultRecord,
)
from webapp.services import retention, schedules

POSTS = [
    route
    for route in all_routes()
    if route.method == "POST"
    and route.is_of_a_tenant
    and route.endpoint != "requests.approve"  # that is the second person
]
# What these do where nobody demands two people; so the walk does see it.
LOWERING = {
    "retention.clean_up",
    "retention.rules",
    "schedules.save",
    "sets.delete",
    "sets.pin",
    "sets.release",
    "sources.remove",
    "tenants.save",
    "vaults.recovery_sheet",
}
# Their form has a field that is about something else elsewhere.
FIELDS = {
    "sets.pin": {"pinned": "0"},
    "retention.rules": {"pre_restore_days": "30", "hand_days": "5"},
    "retention.clean_up": {"may_free_most": "1"},
}


@dataclass(frozen=True)
class Kept:
    """What protects the tenant's backups."""

    sets: frozenset[UUID]
    pinned: frozenset[UUID]
    held: frozenset[UUID]
    sources: frozenset[UUID]
    drafts: dict[UUID, Draft]
    rules: retention.OwnRules
    choices: frozenset[str]
    sheet_taken: bool
    frees_most: bool

    @classmethod
    def now(cls, slug: str) -> Kept:
        tenant = factories.tenant_called(slug)
        own = select(BackupSet.id).where(
            BackupSet.tenant_id == tenant.id, BackupSet.deleted_at.is_(None)
        )
        living = select(Source.id).where(Source.tenant_id == tenant.id, Source.removed_at.is_(None))
        rows = db.session.scalars(
            select(BackupSchedule).where(BackupSchedule.tenant_id == tenant.id)
        )
        vault = db.session.scalar(select(VaultRecord).where(VaultRecord.tenant_id == tenant.id))
        runs = db.session.scalars(select(Run.metadata_).where(Run.tenant_id == tenant.id))
        return cls(
            sets=frozenset(db.session.scalars(own)),
            pinned=frozenset(db.session.scalars(own.where(BackupSet.pinned))),
            held=frozenset(db.session.scalars(own.where(BackupSet.on_hold != ""))),
            sources=frozenset(db.session.scalars(living)),
            drafts={row.id: schedules.draft_of(row) for row in rows},
            rules=retention.own_rules(tenant),
            choices=frozenset(tenant.needs_two_people),
            sheet_taken=vault is not None and vault.recovery_sheet_at is not None,
            frees_most=any(one.get("may_free_most") for one in runs),
        )

    def lost_by(self, after: Kept) -> list[str]:
        """In which ways *after* protects less."""
        lost = {
            name: getattr(self, name) - getattr(after, name)
            for name in ("sets", "pinned", "held", "sources", "choices")
        }
        lowered = [
            line
            for schedule_id, draft in self.drafts.items()
            for line in lowering.of_schedule(draft, after.drafts[schedule_id], at=clock.now())
        ]
        more = {
            "schedules": lowered,
            "rules": lowering.of_own_rules(self.rules, after.rules),
            "sheet": after.sheet_taken and not self.sheet_taken,
            "most": after.frees_most and not self.frees_most,
        }
        return [name for name, what in {**lost, **more}.items() if what]


def prepare(slug: str, choices: list[str]) -> dict[str, UUID]:
    """One more of everything, so that each route could do its worst."""
    tenant = factories.tenant_called(slug)
    ids = factories.world(slug).ids
    old = db.session.get_one(BackupSet, ids["set_id"])
    old.finished_at = clock.now() - timedelta(days=1)
    source = db.session.get_one(Source, ids["source_id"])
    factories.backup_set(factories.run(source, queued_at=clock.now()))
    db.session.execute(
        update(Run)
        .where(Run.tenant_id == tenant.id)
        .values(status=RunState.SUCCEEDED, metadata_={})
    )
    db.session.execute(update(RestorePlan).values(state=PlanState.EXPIRED))  # uses no set any more
    db.session.execute(update(ActRequest).values(state=RequestState.REJECTED))  # nor waits
    if not db.session.scalar(select(VaultRecord).where(VaultRecord.tenant_id == tenant.id)):
        db.session.add(
            VaultRecord(tenant_id=tenant.id, location="x", vault_id="v", created_at=clock.now())
        )
    db.session.execute(update(VaultRecord).values(recovery_sheet_at=None))
    tenant.status, tenant.needs_two_people, tenant.settings = TenantStatus.ACTIVE, choices, {}
    db.session.commit()
    return ids


def arrange(route: Route, ids: dict[str, UUID]) -> None:
    """What a route takes away has to be there first."""
    row = db.session.get_one(BackupSet, ids["set_id"])
    row.pinned = route.endpoint == "sets.pin"
    row.on_hold = "case 4711" if route.endpoint == "sets.release" else ""
    db.session.commit()


def walk(everybody, route: Route, choices: list[str]) -> tuple[list[str], int]:
    """Call it as an MSP admin; what was lost by it, and how many requests it made."""
    with everybody.app.app_context():
        ids = prepare("acme", choices)
        arrange(route, ids)
        before, asked = Kept.now("acme"), _requests()
    form = MultiDict({**typed("/srv/acme"), **FIELDS.get(route.endpoint, {})})
    with everybody.app.app_context():
        form["typed"] = db.session.get_one(Source, ids["source_id"]).name
    everybody.client("root").post(route.path("acme", ids), data=form, buffered=True)
    with everybody.app.app_context():
        return before.lost_by(Kept.now("acme")), _requests() - asked


def _requests() -> int:
    made = select(ActRequest.id).where(ActRequest.requested_by == "root@example.com")
    return len(db.session.scalars(made).all())


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.id)
def test_where_two_people_are_demanded_no_route_lets_one_do_it(everybody, route):
    lost, asked = walk(everybody, route, [str(act) for act in TwoPeople])

    assert lost == []
    assert asked == int(route.endpoint in LOWERING)


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.id)
def test_where_nobody_demands_two_these_routes_and_no_others_do_it(everybody, route):
    """A route that keeps less and is not in the list has no guard yet."""
    # Nobody can drop what was not chosen.
    choices = ["live_restore"] if route.endpoint == "tenants.save" else []

    lost, _ = walk(everybody, route, choices)

    is_lowering = route.endpoint in LOWERING - {"tenants.save"}
    assert bool(lost) is is_lowering


def test_the_list_names_routes_that_are_there(everybody):
    assert {route.endpoint for route in POSTS} >= LOWERING
