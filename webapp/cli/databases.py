"""Working on a database that is not, or not yet, the installation's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import flask_migrate

from webapp import create_app, grants, schema
from webapp.extensions import db, doorbell
from webapp.services import installation

if TYPE_CHECKING:
    from webapp.services.keys import KeyRing
    from webapp.settings import Settings


@contextmanager
def opened_on(settings: Settings, ring: KeyRing | None) -> Iterator[None]:
    """The context of an application on the database of *settings*, whatever its version is.

    Afterwards this process is again what it was before.
    """
    before, ring_before = installation.bound()
    ring_bell = doorbell.ring
    app = create_app(settings, unlock=False)
    installation.bind(settings, ring)
    try:
        with app.app_context():
            try:
                yield
            finally:
                db.session.remove()
                db.engine.dispose()
    finally:
        doorbell.ring = ring_bell
        if before is not None:
            installation.bind(before, ring_before)


def upgrade() -> None:
    """Bring the tables of the open context's database to the newest version; make them if there
    are none."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    flask_migrate.upgrade()


def upgrade_tables(settings: Settings) -> None:
    """The same for the database of *settings*, opened as the owner of its tables; and let the
    application's role in, if that is another."""
    if not settings.database_owner_url:
        schema.require_changeable()
        upgrade()
        return
    grants.require_apart(settings.database_url)
    upgrade()
    grants.let_in(settings.database_url)
