"""Who plays in the tests: two tenants, and people with one role each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from tests import factories
from webapp import clock
from webapp.domain.permissions import Role
from webapp.extensions import db
from webapp.models import Membership, Tenant, TenantStatus, User

PEOPLE = {
    "root": None,
    "alice": ("acme", Role.MANAGER),
    "olga": ("acme", Role.OPERATOR),
    "pete": ("acme", Role.PREVIEWER),
    "bob": ("acme", Role.VIEWER),
    "audrey": ("acme", Role.AUDITOR),
    "charlie": ("globex", Role.MANAGER),
}


def populate(app: Flask, place: Path) -> dict[str, str]:
    """Two tenants with a granted root each (``place/<slug>``), and the cast's session ids."""
    with app.app_context():
        tenants = {slug: _tenant(slug, place) for slug in ("acme", "globex")}
        sessions = {name: _person(name, where, tenants) for name, where in PEOPLE.items()}
        db.session.commit()
    return sessions


def signed_in(app: Flask, session_id: str) -> FlaskClient:
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = session_id
        session["_fresh"] = True
        session["begun"] = int(time.time())
    return client


@dataclass(frozen=True)
class Everybody:
    """One installation for many tests. Nobody remembers the last: each client signs in anew, and
    each test gets things of its own."""

    app: Flask

    def client(self, person: str) -> FlaskClient:
        """A browser of that person's, or of ``nobody``'s."""
        if person == "nobody":
            return self.app.test_client()
        with self.app.app_context():
            return signed_in(self.app, factories.user_called(person).get_id())

    def things(self, slug: str) -> dict[str, UUID]:
        """One more of everything in a tenant, which is active again whatever happened to it."""
        with self.app.app_context():
            db.session.execute(update(Tenant).values(status=TenantStatus.ACTIVE))
            return factories.world(slug).ids


def _tenant(slug: str, place: Path) -> Tenant:
    root = place / slug
    root.mkdir()
    tenant = Tenant(
        slug=slug, name=slug.capitalize(), granted_roots=[str(root)], created_at=clock.now()
    )
    db.session.add(tenant)
    db.session.flush()
    return tenant


def _person(name: str, where: tuple[str, Role] | None, tenants: dict[str, Tenant]) -> str:
    user = User(email=f"{name}@example.com", is_msp_admin=where is None, created_at=clock.now())
    db.session.add(user)
    db.session.flush()
    if where:
        slug, role = where
        db.session.add(Membership(tenant_id=tenants[slug].id, user_id=user.id, role=role))
    return user.get_id()
