"""Keys are made once, and never silently replaced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import flask_migrate
import pytest

from webapp import create_app
from webapp.errors import ConfigError
from webapp.extensions import db
from webapp.services import keys


def test_a_missing_key_refuses_the_start_and_names_the_one_expected(settings):
    expected = keys.fingerprint_of(bytes.fromhex(settings.master_key_file.read_text()))
    settings.master_key_file.unlink()

    with pytest.raises(ConfigError, match=expected):
        create_app(settings)

    assert not settings.master_key_file.exists()


def test_another_key_refuses_the_start(settings):
    settings.master_key_file.write_text("ab" * 32)

    with pytest.raises(ConfigError, match="made with"):
        create_app(settings)


def test_another_secret_key_refuses_the_start(settings):
    with pytest.raises(ConfigError, match="LASTGOOD_SECRET_KEY"):
        create_app(replace(settings, secret_key="another"))


def test_a_missing_secret_key_refuses_the_start(settings):
    (settings.home / "secret.key").unlink()

    with pytest.raises(ConfigError, match="LASTGOOD_SECRET_KEY"):
        create_app(settings)


def test_a_database_without_keys_asks_for_init(settings, empty_database):
    fresh = replace(settings, database_url=empty_database)
    app = create_app(fresh, unlock=False)
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()

    with pytest.raises(ConfigError, match="lastgood init"):
        create_app(fresh)


def test_key_files_are_for_their_owner_only(settings):
    assert settings.master_key_file.stat().st_mode & 0o777 == 0o600
    assert (settings.home / "secret.key").stat().st_mode & 0o777 == 0o600


def test_two_first_starts_at_once_yield_one_key(settings, empty_database, tmp_path):
    fresh = replace(
        settings,
        home=tmp_path / "new",
        database_url=empty_database,
        master_key_file=tmp_path / "new" / "master.key",
    )
    app = create_app(fresh, unlock=False)
    with app.app_context():
        flask_migrate.upgrade()

    def first_start(_number):
        with app.app_context():
            ring = keys.create(fresh)
            db.session.remove()
            return ring.fingerprint

    with ThreadPoolExecutor(6) as pool:
        fingerprints = set(pool.map(first_start, range(6)))
    with app.app_context():
        db.engine.dispose()

    assert fingerprints == {keys.fingerprint_of(bytes.fromhex(fresh.master_key_file.read_text()))}
    assert sorted(path.name for path in fresh.home.iterdir()) == ["master.key", "secret.key"]


def test_a_sealed_secret_opens_for_its_purpose_only():
    ring = keys.KeyRing(bytes(32), "s")
    sealed = keys.seal(ring, "hunter2", purpose="source:1")

    assert keys.unseal(ring, sealed, purpose="source:1") == "hunter2"
    with pytest.raises(ConfigError, match="does not open"):
        keys.unseal(ring, sealed, purpose="source:2")


def test_no_key_shows_when_the_ring_is_printed():
    assert "s3cret" not in repr(keys.KeyRing(b"k" * 32, "s3cret"))
