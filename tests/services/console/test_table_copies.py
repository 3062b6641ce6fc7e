"""Rows go over as they are stored, to the letter, between both engines."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import flask_migrate
import pytest
from sqlalchemy import Engine, Integer, create_engine, text

from tests.filling import fill
from tests.installations import settings_for
from tests.postgres import Cluster
from webapp import create_app
from webapp.extensions import db
from webapp.services import installation, table_copies


def ignore(done: int, total: int, words: str) -> None:
    """Nobody watches."""


def prepare(home: Path, url: str) -> None:
    """Give a database all tables, and nothing in them."""
    before = installation.bound()
    app = create_app(settings_for(home, url), unlock=False)
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()
        db.engine.dispose()
    if before[0] is not None:
        installation.bind(*before)


@pytest.fixture(scope="session")
def blank_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with all tables: made once, copied for each test."""
    file = tmp_path_factory.mktemp("blank") / "blank.db"
    prepare(file.parent, f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def blank_server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The same on the server, where the database is called ``blank``."""
    prepare(tmp_path_factory.mktemp("blank-server"), cluster.create("blank"))
    return cluster


@pytest.fixture
def blank(blank_file, tmp_path) -> Iterator[Callable[[str], Engine]]:
    """Makes SQLite databases without rows."""
    engines: list[Engine] = []

    def make(name: str) -> Engine:
        shutil.copy(blank_file, tmp_path / name)
        engines.append(create_engine(f"sqlite:///{tmp_path / name}"))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def both(database_kind, blank, request) -> Iterator[tuple[Engine, Engine]]:
    """A SQLite database, and one of the kind that the test is for."""
    if database_kind == "sqlite":
        yield blank("one.db"), blank("other.db")
        return
    server = request.getfixturevalue("blank_server")
    other = create_engine(server.create("other", template="blank"))
    yield blank("one.db"), other
    other.dispose()
    server.drop("other")


def all_of(engine: Engine) -> list[table_copies.Copied]:
    with engine.connect() as connection:
        return [table_copies.measured(table, connection) for table in table_copies.tables()]


def copy(source: Engine, target: Engine) -> None:
    with source.connect() as old, target.begin() as new:
        table_copies.copy(old, new, tell=ignore)


def test_a_row_of_every_table_goes_there_and_back(both, blank):
    one, other = both
    with one.begin() as connection:
        names = set(fill(connection))
    back = blank("back.db")

    copy(one, other)
    copy(other, back)

    assert {table.name for table in table_copies.tables()} == names
    assert all_of(one) == all_of(other) == all_of(back)
    assert {found.rows for found in all_of(back)} == {1}
    assert _dump(one) == _dump(back)


def _dump(engine: Engine) -> dict[str, list[object]]:
    """What SQLite itself says of every row."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
            for table in table_copies.tables()
        }


def test_a_json_null_stays_one_and_nothing_stays_nothing(both):
    one, other = both
    with one.begin() as connection:
        fill(connection)
        connection.exec_driver_sql("UPDATE runs SET error_context = NULL, metadata = 'null'")

    copy(one, other)

    with other.connect() as connection:
        query = "SELECT error_context IS NULL, CAST(metadata AS TEXT) FROM runs"
        assert tuple(connection.execute(text(query)).one()) == (True, "null")


def test_what_the_rules_would_hide_today_is_not_changed(both):
    """A copy is no new value: it says what was stored, whatever a model would make of it."""
    one, other = both
    with one.begin() as connection:
        fill(connection)
        connection.exec_driver_sql("UPDATE runs SET reason = 'password=abcdefgh'")

    copy(one, other)

    with other.connect() as connection:
        assert connection.execute(text("SELECT reason FROM runs")).scalar() == "password=abcdefgh"


def test_a_run_that_repeats_a_later_one_is_no_obstacle(both):
    """Rows refer to rows of their own table, in whatever order they come."""
    one, other = both
    with one.begin() as connection:
        fill(connection)
        columns = [c.name for c in db.metadata.tables["runs"].columns if c.name != "id"]
        chosen = ", ".join(columns)
        connection.exec_driver_sql(
            f"INSERT INTO runs (id, {chosen}) SELECT '{'f' * 32}', {chosen} FROM runs"
        )
        connection.exec_driver_sql(
            f"UPDATE runs SET parent_run_id = '{'f' * 32}' WHERE id != '{'f' * 32}'"
        )

    copy(one, other)

    assert all_of(one) == all_of(other)


@pytest.mark.postgresql_only
def test_what_the_new_database_cannot_store_is_told_with_its_table(both):
    one, other = both
    with one.begin() as connection:
        fill(connection)
        connection.exec_driver_sql("UPDATE runs SET reason = 'a' || char(0) || 'b'")

    with pytest.raises(table_copies.Refused, match="A row of runs"):
        copy(one, other)

    assert {found.rows for found in all_of(other)} == {0}


def test_a_changed_row_changes_the_digest(both):
    one, _ = both
    with one.begin() as connection:
        fill(connection)
        before = table_copies.measured(db.metadata.tables["users"], connection)
        connection.exec_driver_sql("UPDATE users SET email = email || '.'")
        after = table_copies.measured(db.metadata.tables["users"], connection)

    assert (before.rows, after.rows) == (1, 1)
    assert before.digest != after.digest


def test_no_table_counts_by_itself():
    """A copy sets every id; a counter that the database keeps would have to follow."""
    counting = [
        table.name
        for table in table_copies.tables()
        if any(isinstance(column.type, Integer) for column in table.primary_key)
    ]

    assert counting == ["installation"]  # always row 1
