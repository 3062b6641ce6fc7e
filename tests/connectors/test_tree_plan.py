"""Comparing a folder with a snapshot."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.connectors.fakes import Memory, Recorder
from webapp.connectors import registry
from webapp.connectors.base import Action, Desired


@pytest.fixture
def connector(site, surroundings):
    return registry.connect("files", {"path": str(site), "exclude": "*.tmp"}, surroundings)


@pytest.fixture
def snapshot(connector):
    return Memory(connector.source("full", Recorder()))


def plan(connector, snapshot, *, desired=None, **options):
    wanted = snapshot.desired() if desired is None else desired
    options = {"delete": False, "scope": (), **options}
    rows = connector.plan(wanted, stored=snapshot, **options)
    return {row.key: row for row in rows}


def actions(rows):
    return {key: str(row.action) for key, row in rows.items() if row.action != Action.UNCHANGED}


def keep_times(path, change):
    """Change something in a folder and set the folder's time back."""
    times = os.stat(path)
    change()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_what_was_not_touched_is_unchanged(connector, snapshot):
    rows = plan(connector, snapshot, delete=True)

    assert actions(rows) == {}
    assert all(row.before == row.after for row in rows.values())


def test_damage_is_found(connector, snapshot, site):
    (site / "index.html").write_text("<h1>Hacked</h1>\n")
    (site / "images" / "a.png").unlink()
    (site / "empty").chmod(0o600)
    (site / "evil.php").touch()

    rows = plan(connector, snapshot, delete=True)

    assert actions(rows) == {
        "tree:": "update", "tree:index.html": "replace", "tree:images": "update",
        "tree:images/a.png": "create", "tree:empty": "update", "tree:evil.php": "delete",
    }  # fmt: skip
    assert "0600 now, 0644 in the backup" in rows["tree:empty"].reason
    assert "newer than the backup" in rows["tree:index.html"].reason
    assert rows["tree:index.html"].risk == "medium"
    assert rows["tree:evil.php"].risk == "high"


def test_nothing_is_removed_unless_asked(connector, snapshot, site):
    keep_times(site, (site / "evil.php").touch)

    assert actions(plan(connector, snapshot)) == {}


def test_what_is_left_out_is_never_removed(connector, snapshot, site):
    keep_times(site, (site / "work.tmp").touch)

    assert actions(plan(connector, snapshot, delete=True)) == {}


def test_a_folder_that_holds_what_stays_is_not_removed(connector, snapshot, site):
    (site / "new").mkdir()
    (site / "new" / "work.tmp").touch()
    (site / "new" / "x").touch()

    rows = plan(connector, snapshot, delete=True)

    assert rows["tree:new"].action is Action.BLOCKED
    assert rows["tree:new/x"].action is Action.DELETE


def test_removals_come_deepest_first(connector, snapshot, site):
    (site / "new" / "deep").mkdir(parents=True)
    (site / "new" / "deep" / "x").touch()

    rows = [key for key, row in plan(connector, snapshot, delete=True).items()
            if row.action is Action.DELETE]  # fmt: skip

    assert rows == ["tree:new/deep/x", "tree:new/deep", "tree:new"]


def test_scope_limits_what_is_removed(connector, snapshot, site):
    (site / "images" / "new").touch()
    (site / "evil.php").touch()
    wanted = snapshot.desired(keep=lambda key: key.startswith("tree:images/"))

    rows = plan(connector, snapshot, delete=True, scope=("tree:images",), desired=wanted)

    assert "tree:images/new" in actions(rows)
    assert "tree:evil.php" not in rows


def test_a_folder_on_the_way_to_the_scope_is_only_made_if_missing(connector, snapshot, site):
    shutil.rmtree(site / "images")
    wanted = snapshot.desired(keep=lambda key: key in {"tree:", "tree:images", "tree:images/a.png"})

    rows = plan(connector, snapshot, scope=("tree:images/a.png",), desired=wanted)

    assert actions(rows) == {"tree:images": "create", "tree:images/a.png": "create"}


def test_an_absent_item_is_planned_for_removal(connector, snapshot, site):
    wanted = [Desired(key="tree:index.html", entry=None), Desired(key="tree:gone", entry=None)]

    rows = plan(connector, snapshot, desired=wanted)

    assert actions(rows) == {"tree:index.html": "delete"}


@pytest.mark.parametrize(
    ("options", "inside", "expected"),
    [
        ({}, [], "blocked"),
        ({"types": True}, [], "replace"),
        ({"types": True}, ["x"], "blocked"),
        ({"delete": True}, ["x"], "replace"),
        ({"delete": True}, ["x.tmp"], "blocked"),
    ],
    ids=["not asked", "empty", "not empty", "emptied by removals", "with what was left out"],
)
def test_a_folder_gives_way_to_a_file_only_if_nothing_is_lost(
    connector, snapshot, site, options, inside, expected
):
    (site / "index.html").unlink()
    (site / "index.html").mkdir()
    for name in inside:
        (site / "index.html" / name).touch()

    rows = plan(connector, snapshot, **options)

    assert str(rows["tree:index.html"].action) == expected
    assert list(rows)[-1] == "tree:index.html" or expected == "blocked"


def test_a_link_in_place_of_a_folder_blocks_all_below(connector, snapshot, site, tmp_path):
    shutil.move(site / "images", tmp_path / "elsewhere")
    (site / "images").symlink_to(tmp_path / "elsewhere")

    rows = plan(connector, snapshot)

    assert rows["tree:images"].reason_code == "type_differs"
    assert rows["tree:images/a.png"].reason_code == "type_differs"


def test_an_empty_target_gets_everything(snapshot, surroundings, tmp_path):
    target = registry.connect("files", {"path": str(tmp_path / "new" / "place")}, surroundings)

    rows = plan(target, snapshot)

    assert {row.action for row in rows.values()} == {Action.CREATE}
    assert not (tmp_path / "new").exists()


def test_text_is_compared_line_by_line_with_secrets_masked(connector, site, surroundings):
    config = site / "config.php"
    config.write_text("name = shop\ndefine('DB_PASSWORD', 'hunter2');\n")
    snapshot = Memory(connector.source("full", Recorder()))
    config.write_text("name = hacked\ndefine('DB_PASSWORD', 'letmein');\n")

    diff = plan(connector, snapshot)["tree:config.php"].diff

    assert "-name = hacked\n" in diff
    assert "+name = shop\n" in diff
    assert "hunter2" not in diff
    assert "letmein" not in diff


def test_binary_content_is_not_compared_by_line(connector, snapshot, site):
    (site / "images" / "a.png").write_bytes(b"\x00\x01")

    assert plan(connector, snapshot)["tree:images/a.png"].diff is None


def test_a_lost_hardlink_is_found(connector, site, surroundings):
    os.link(site / "index.html", site / "zz")
    snapshot = Memory(connector.source("full", Recorder()))
    shutil.copy2(site / "zz", site / "copy")
    os.replace(site / "copy", site / "zz")
    os.utime(site, ns=(0, snapshot.find("tree:").mtime_ns))

    assert actions(plan(connector, snapshot)) == {"tree:zz": "update"}


def test_a_path_that_leads_out_is_blocked(connector, snapshot):
    entry = snapshot.find("tree:index.html")

    rows = plan(connector, snapshot, desired=[Desired(key="tree:../out", entry=entry)])

    assert rows["tree:../out"].reason_code == "escapes_target"


def test_the_state_is_the_one_that_the_plan_names(connector, snapshot, site):
    (site / "index.html").write_text("other")

    rows = plan(connector, snapshot)

    assert {key: connector.state(key) for key in rows} == {
        key: row.before for key, row in rows.items()
    }
    assert connector.state("tree:absent") == ""


def test_the_target_is_known_by_its_folder(connector, site, surroundings, tmp_path):
    before = connector.identity()
    site.rename(tmp_path / "aside")
    site.mkdir()

    assert connector.identity() != before
