"""What many tests need: an app on an empty database of its own, and the cast."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from tests import casting, haste
from tests.casting import Everybody
from tests.installations import prepare, settings_for
from tests.postgres import Cluster, programs
from webapp import create_app
from webapp.extensions import db, doorbell
from webapp.settings import Settings

# What `make test` runs on both databases: what reads before it writes, locks, or waits. Pages run
# on SQLite alone; `make torture` runs everything that has a database on PostgreSQL, too.
ON_BOTH = ("services/", "jobs/", "test_migrations.py", "test_transactions.py")
_NOT_ASKED_FOR = pytest.mark.skip(reason="PostgreSQL: give --postgresql=engine")
_numbers = itertools.count(1)

haste.begin()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgresql",
        choices=("no", "engine", "everywhere"),
        default="no",
        help="what runs on PostgreSQL, beside SQLite: the engine room, or all that has a database",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        haste.slow_files_first(items)


def pytest_collection_finish() -> None:
    haste.spare_what_is_there()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" not in metafunc.fixturenames:
        return
    wanted = metafunc.config.getoption("--postgresql")
    where = Path(metafunc.module.__file__).relative_to(Path(__file__).parent).as_posix()
    kinds: list[object] = []
    if not _is_marked(metafunc, "postgresql_only"):
        kinds.append("sqlite")
    elif wanted == "no":
        kinds.append(pytest.param("postgresql", marks=_NOT_ASKED_FOR))
    is_meant = wanted == "everywhere" or (wanted == "engine" and where.startswith(ON_BOTH))
    if is_meant and not _is_marked(metafunc, "sqlite_only"):
        kinds.append(pytest.param("postgresql", marks=pytest.mark.postgresql))
    metafunc.parametrize("database_kind", kinds, indirect=True)


def _is_marked(metafunc: pytest.Metafunc, name: str) -> bool:
    return next(metafunc.definition.iter_markers(name), None) is not None


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Replaces pytest-flask's fixture of this name, which shares one ``g`` between all clients.

    Flask-Login keeps the signed-in person in ``g``: with the original, a second client, and
    even one that never signed in, would act as the last person who did.
    """


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """The command line sets one for its process, which is ours when a test calls it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with keys and a migrated, empty database: made once, copied for each test."""
    return prepare(settings_for(tmp_path_factory.mktemp("prepared")))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """This session's own PostgreSQL server."""
    if programs() is None:
        pytest.skip("PostgreSQL IS NOT TESTED: it is not installed (apt-get install postgresql)")
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def prepared_postgres(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on PostgreSQL, where the database is called ``prepared``."""
    home = tmp_path_factory.mktemp("prepared-postgres")
    return prepare(settings_for(home, cluster.create("prepared")))


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on: ``sqlite``, or ``postgresql`` too where many do."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def settings(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """A data folder and a database of the test's own."""
    home = tmp_path / "home"
    if database_kind == "sqlite":
        shutil.copytree(request.getfixturevalue("prepared_home"), home)
        yield settings_for(home)
        return
    shutil.copytree(request.getfixturevalue("prepared_postgres"), home)
    cluster, name = request.getfixturevalue("cluster"), f"test{next(_numbers)}"
    yield settings_for(home, cluster.create(name, template="prepared"))
    cluster.drop(name)


@pytest.fixture
def empty_database(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The address of one more database, without tables."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    cluster, name = request.getfixturevalue("cluster"), f"empty{next(_numbers)}"
    yield cluster.create(name)
    cluster.drop(name)


@pytest.fixture
def rings() -> list[str]:
    """Ids of the runs whose doorbell rang, in order."""
    return []


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates are compiled once, not once for each app."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(settings: Settings, rings: list[str], compiled: FileSystemBytecodeCache) -> Iterator[Flask]:
    app = create_app(settings)
    app.jinja_env.bytecode_cache = compiled
    doorbell.ring = lambda run_id: rings.append(str(run_id))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """An application context, for tests of services; page tests do without."""
    with app.app_context():
        yield


@dataclass(frozen=True)
class Cast:
    """Alice manages Acme, Olga operates it, Pete may preview there, Bob may only look at it,
    Audrey audits it; Charlie manages Globex, its neighbour; Root is the MSP's admin; nobody has
    not signed in."""

    root: FlaskClient
    alice: FlaskClient
    olga: FlaskClient
    pete: FlaskClient
    bob: FlaskClient
    audrey: FlaskClient
    charlie: FlaskClient
    nobody: FlaskClient


@pytest.fixture
def people(app: Flask, tmp_path: Path) -> dict[str, str]:
    """Two tenants with a granted root each (``tmp_path/<slug>``), and the cast's session ids."""
    return casting.populate(app, tmp_path)


@pytest.fixture
def cast(app: Flask, people: dict[str, str]) -> Cast:
    """Signed-in clients. CSRF is off for them; tests of CSRF turn it on."""
    app.config["WTF_CSRF_ENABLED"] = False
    clients = {name: casting.signed_in(app, session_id) for name, session_id in people.items()}
    return Cast(nobody=app.test_client(), **clients)


@pytest.fixture(scope="module")
def everybody(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everybody]:
    """The cast once for a whole module, for tests that ask every route: see ``Everybody``."""
    place = tmp_path_factory.mktemp("everybody")
    shutil.copytree(prepared_home, place / "home")
    app = create_app(settings_for(place / "home"))
    app.config["WTF_CSRF_ENABLED"] = False
    doorbell.ring = lambda run_id: None
    casting.populate(app, place)
    yield Everybody(app)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
