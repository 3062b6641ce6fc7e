"""``lastgood init`` where the tables belong to a role of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.installations import settings_for
from tests.postgres import Cluster
from webapp import create_app, grants, schema
from webapp.cli.databases import upgrade_tables
from webapp.errors import ConfigError
from webapp.extensions import db
from webapp.settings import Settings

OWNER, APPLICATION, CHIEF = "table owner", "last-good", "chief"


@pytest.fixture(scope="module")
def roles(cluster: Cluster) -> Iterator[Cluster]:
    """Names that must be quoted."""
    for name in (OWNER, APPLICATION):
        cluster.execute(f'CREATE ROLE "{name}" LOGIN')
    cluster.execute(f'CREATE ROLE "{CHIEF}" LOGIN SUPERUSER')
    yield cluster
    for name in (CHIEF, APPLICATION, OWNER):
        cluster.execute(f'DROP ROLE "{name}"')


@pytest.fixture
def settings(roles: Cluster, tmp_path: Path) -> Iterator[Settings]:
    roles.execute(f'CREATE DATABASE two_roles OWNER "{OWNER}" TEMPLATE template0')
    url = roles.url("two_roles")
    (tmp_path / "home").mkdir()
    plain = settings_for(tmp_path / "home", by(url, APPLICATION), "sqlite:///queue.db")
    yield replace(plain, database_owner_url=by(url, OWNER))
    roles.drop("two_roles")


def by(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role.replace(' ', '%20')}@")


def upgrade(settings: Settings) -> None:
    """What ``lastgood init`` does to the tables."""
    app = create_app(settings.as_owner(), unlock=False)
    with app.app_context():
        try:
            upgrade_tables(settings)
        finally:
            db.session.remove()
            db.engine.dispose()


def privileges(cluster: Cluster, table: str) -> set[str]:
    words = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
    ask = "SELECT has_table_privilege(%s, %s, %s)"
    with psycopg.connect(cluster.dsn("two_roles")) as connection:
        rows = {w: connection.execute(ask, (APPLICATION, table, w)).fetchone() for w in words}
    return {word for word, row in rows.items() if row[0]}


def test_the_application_may_do_what_it_needs_and_no_more(settings, roles):
    upgrade(settings)
    upgrade(settings)  # safe to repeat

    assert privileges(roles, "runs") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert privileges(roles, "audit_logs") == {"SELECT", "INSERT"}
    assert privileges(roles, "audit_heads") == {"SELECT", "INSERT", "UPDATE"}
    assert privileges(roles, "alembic_version") == {"SELECT"}


@pytest.mark.parametrize(
    ("role", "said"),
    [
        (OWNER, "all that the owner"),
        (CHIEF, "all that the owner"),
        ("nobody at all", "knows no role"),
        ("", "must name a role"),
    ],
    ids=["the same", "a superuser", "nobody", "unnamed"],
)
def test_an_application_that_is_not_apart_is_refused_before_any_table(settings, roles, role, said):
    url = by(roles.url("two_roles"), role) if role else roles.url("two_roles")
    wrong = replace(settings, database_url=url.replace("//postgres@", "//"))

    with pytest.raises(ConfigError, match=said):
        upgrade(wrong)

    with psycopg.connect(roles.dsn("two_roles")) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)


def test_an_owner_beside_sqlite_is_refused(settings, tmp_path):
    with pytest.raises(ConfigError, match="LASTGOOD_DATABASE_URL"):
        upgrade(replace(settings, database_url=f"sqlite:///{tmp_path / 'x.db'}"))


def test_who_is_not_the_owner_is_told_what_is_missing(settings):
    alone = replace(settings, database_owner_url="")

    with pytest.raises(ConfigError, match="LASTGOOD_DATABASE_OWNER_URL"):
        upgrade(alone)


def test_who_is_not_the_owner_may_look_that_all_is_there(settings):
    upgrade(settings)
    alone = replace(settings, database_owner_url="")

    upgrade(alone)

    app = create_app(alone, unlock=False)
    with app.app_context():
        schema.require_newest()
        db.engine.dispose()


def test_a_member_of_the_owner_is_as_good_as_the_owner(settings, roles):
    roles.execute(f'GRANT "{OWNER}" TO "{APPLICATION}"')
    try:
        with pytest.raises(ConfigError, match="all that the owner"):
            upgrade(settings)
    finally:
        roles.execute(f'REVOKE "{OWNER}" FROM "{APPLICATION}"')


def test_a_server_that_does_not_answer_is_told_in_one_sentence(settings):
    away = replace(settings, database_owner_url=settings.database_owner_url.replace("/tmp", "/no"))
    app = create_app(away.as_owner(), unlock=False)

    with app.app_context(), pytest.raises(ConfigError, match="does not answer"):
        grants.require_apart(away.database_url)
