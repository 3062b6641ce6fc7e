"""Installations for tests: their settings, and an empty one that is ready to be used."""

from __future__ import annotations

from pathlib import Path

import flask_migrate

from webapp import create_app
from webapp.extensions import db
from webapp.services import keys
from webapp.settings import Settings


def settings_for(home: Path, database_url: str = "", queue_url: str = "") -> Settings:
    return Settings(
        home=home,
        database_url=database_url or f"sqlite:///{home / 'lastgood.db'}",
        queue_url=queue_url or f"sqlite:///{home / 'queue.db'}",
        master_key_file=home / "master.key",
        testing=True,
    )


def prepare(settings: Settings) -> Path:
    """Give a data folder keys and a migrated, empty database."""
    app = create_app(settings, unlock=False)
    with app.app_context():
        flask_migrate.upgrade()
        keys.create(settings)
        db.session.remove()
        db.engine.dispose()
    return settings.home
