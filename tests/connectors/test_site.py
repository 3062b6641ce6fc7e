"""The ``site`` kind: folder, database and config file as one restore point."""

from __future__ import annotations

import pytest

from tests.connectors.fakes import Memory, Recorder, actions, around, restore
from tests.connectors.test_sqlite import change, make
from webapp.connectors import registry
from webapp.connectors.base import Action
from webapp.errors import ConnectorError, Invalid


@pytest.fixture
def shop(site):
    make(site / "shop.db", mode="wal")
    (site / "shop.ini").write_text("password = hunter2\n")
    return site


@pytest.fixture
def connector(shop, tmp_path):
    config = {
        "path": str(shop), "config": str(shop / "shop.ini"), "db": f"sqlite:///{shop}/shop.db",
    }  # fmt: skip
    return registry.connect("site", config, around(tmp_path))


def plan(connector, snapshot, **options):
    options = {"delete": False, "scope": (), **options}
    rows = connector.plan(snapshot.desired(), stored=snapshot, **options)
    return {row.key: row for row in rows}


def test_a_capture_holds_each_part_once(connector, report):
    paths = Memory(connector.source("full", report)).paths()

    assert paths[:5] == [b"config", b"config/shop.ini", b"db", b"db/shop", b"tree"]
    assert b"tree/index.html" in paths
    assert not {b"tree/shop.db", b"tree/shop.ini", b"tree/shop.db-wal"} & set(paths)
    assert any("once only" in note for note in report.notes)


@pytest.mark.parametrize(
    ("backup_type", "sections"),
    [("full", {"config", "db", "tree"}), ("db", {"db"}), ("files", {"config", "tree"})],
)
def test_a_type_chooses_the_parts(connector, report, backup_type, sections):
    paths = Memory(connector.source(backup_type, report)).paths()

    assert {path.partition(b"/")[0].decode() for path in paths} == sections


def test_one_part_that_fails_leaves_the_others(connector, shop, report):
    (shop / "shop.db").write_bytes(b"rubbish")

    paths = Memory(connector.source("full", report)).paths()

    assert report.failures == {"db:shop": "damaged"}
    assert b"tree/index.html" in paths
    assert b"config/shop.ini" in paths


def test_nothing_that_can_be_read_is_an_error(connector, shop, report):
    (shop / "shop.db").write_bytes(b"rubbish")

    with pytest.raises(ConnectorError):
        connector.source("db", report)


def test_damage_is_found_in_each_part(connector, shop):
    snapshot = Memory(connector.source("full", Recorder()))
    change(shop / "shop.db", "DELETE FROM orders")
    (shop / "shop.ini").write_text("password = letmein\n")
    (shop / "index.html").unlink()

    rows = plan(connector, snapshot, delete=True)

    assert {key: str(row.action) for key, row in rows.items() if row.action != "unchanged"} == {
        "config:shop.ini": "replace", "db:shop": "replace", "tree:": "update",
        "tree:index.html": "create",
    }  # fmt: skip
    assert "hunter2" not in rows["config:shop.ini"].diff


def test_a_preview_of_everything_names_database_and_config_once(connector):
    snapshot = Memory(connector.source("full", Recorder()))

    rows = plan(connector, snapshot, delete=True)

    assert {row.action for row in rows.values()} == {Action.UNCHANGED}
    assert "tree:shop.db" not in rows


def elsewhere(folder, tmp_path):
    config = {
        "path": f"{folder}/tree", "config": f"{folder}/config/shop.ini",
        "db": f"sqlite:///{folder}/db/shop.db",
    }  # fmt: skip
    return registry.connect("site", config, around(tmp_path))


def test_a_set_goes_into_a_folder_of_its_own(connector, tmp_path):
    snapshot = Memory(connector.source("full", Recorder()))

    target = elsewhere(tmp_path / "out", tmp_path)

    assert {row.action for row in plan(target, snapshot).values()} == {Action.CREATE}
    assert not (tmp_path / "out").exists()


def test_what_a_target_has_no_place_for_is_blocked(connector, tmp_path):
    snapshot = Memory(connector.source("full", Recorder()))
    target = registry.connect("files", {"path": str(tmp_path / "out")}, around(tmp_path))

    rows = plan(target, snapshot)

    assert rows["db:shop"].reason_code == "not_supported"
    assert rows["tree:index.html"].action is Action.CREATE


def test_items_are_selected_from_each_part(connector, report):
    keys = ["tree:index.html", "db:shop", "config:shop.ini", "tree:absent"]

    paths = Memory(connector.select(keys, report)).paths()

    assert paths == [b"config/shop.ini", b"db", b"db/shop", b"tree/index.html"]


@pytest.mark.parametrize(
    "db", ["mysql://x/y", "sqlite:///relative.db", "sqlite://u:p@h/x"], ids=str
)
def test_an_address_that_is_none_is_refused(db):
    with pytest.raises(Invalid) as caught:
        registry.kind_of("site").clean({"path": "/srv/shop", "db": db})
    assert list(caught.value.fields) == ["db"]


def test_a_part_outside_the_roots_is_refused(site, tmp_path, report):
    make(tmp_path / "other.db")
    connector = registry.connect(
        "site", {"path": str(site), "db": f"sqlite:///{tmp_path}/other.db"}, around(tmp_path, site)
    )

    Memory(connector.source("full", report))

    assert report.failures == {"db:other": "outside_roots"}


def test_a_whole_site_comes_back(connector, shop):
    snapshot = Memory(connector.source("full", Recorder()))
    change(shop / "shop.db", "DROP TABLE orders")
    (shop / "shop.ini").unlink()
    (shop / "index.html").write_text("hacked")
    (shop / "evil.php").touch()

    _, problems = restore(connector, snapshot, delete=True)

    assert problems == {}
    assert actions(connector, snapshot, delete=True) == {}


def test_a_whole_site_goes_into_a_new_folder(connector, tmp_path):
    snapshot = Memory(connector.source("full", Recorder()))
    target = elsewhere(tmp_path / "out" / "there", tmp_path)

    _, problems = restore(target, snapshot)

    assert problems == {}
    assert actions(target, snapshot, delete=True) == {}
    assert (tmp_path / "out" / "there" / "db" / "shop.db").exists()
    assert (tmp_path / "out" / "there" / "config" / "shop.ini").exists()
