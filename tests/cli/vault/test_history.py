"""``find`` and ``diff``: looking through history."""

from __future__ import annotations

import json

import pytest

from tests.cli.vault.conftest import PASSPHRASE
from tests.vault.harm import flipped
from tests.vault.sources import LONG_AGO, MemorySource, Notes, file, folder
from webapp.standalone.history import stored_pattern
from webapp.vault import LocalStorage, Passphrase, Vault


@pytest.fixture
def snapshots(place):
    """Three snapshots of a site: a page appears, changes, and goes, another moves."""
    vault = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    made = []
    for number, page in enumerate([b"", b"one", b"two!"]):
        name = b"tree/srv/b" if number == 2 else b"tree/srv/a"
        items = [folder(b"tree"), folder(b"tree/srv"), (file(name), b"moves")]
        if number:
            items.append((file(b"tree/srv/Page.php", mtime_ns=LONG_AGO + number), page))
        made.append(vault.backup(MemorySource(*items), name="site", report=Notes()).snapshot.id)
    vault.close()
    return made


def test_find_tells_when_a_path_appeared_and_changed(vault, place, snapshots):
    ended = vault("find", place, "*.PHP", "-i")

    lines = ended.out.splitlines()
    assert ended.code == 0
    assert lines[0] == "/srv/Page.php  (site)"
    assert [(line.split()[2], line.split()[3]) for line in lines[1:3]] == [
        (snapshots[1][:8], "appeared"),
        (snapshots[2][:8], "changed"),
    ]
    assert lines[-1] == "1 path in 3 snapshots."


def test_find_prints_one_document(vault, place, snapshots):
    found = json.loads(vault("find", place, "/srv/Page.php", "--json").out)

    (path,) = found["paths"]
    assert (found["searched"], path["path"], path["source"]) == (3, "/srv/Page.php", "site")
    assert [one["size"] for one in path["versions"]] == [3, 4]
    assert [one["snapshots"] for one in path["versions"]] == [[snapshots[1]], [snapshots[2]]]
    assert [one["what"] for one in path["events"]] == ["appeared", "changed"]


def test_find_finds_nothing_and_says_so(vault, place, snapshots):
    assert vault("find", place, "nothing").out == "0 paths in 3 snapshots.\n"


def test_find_refuses_what_is_no_pattern(vault, place):
    ended = vault("find", place, "[z-a]")

    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_find_names_a_snapshot_that_it_could_not_search(vault, place, snapshots):
    root = place / "snapshots" / snapshots[1]
    root.write_bytes(flipped(root.read_bytes()))

    ended = vault("find", place, "Page.php")

    assert ended.code == 3
    assert f"snapshots/{snapshots[1]}" in ended.err


def test_diff_shows_each_change_and_the_totals(vault, place, snapshots):
    ended = vault("diff", place, snapshots[1][:8], "latest")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "M /srv/Page.php  (3 B, now 4 B)",
        "- /srv/a  (5 B)",
        "+ /srv/b  (5 B)",
        "moved: /srv/a to /srv/b",
        "1 came (5 B), 1 went (5 B), 1 have other content (4 B), 0 differ otherwise.",
    ]


def test_diff_prints_one_document(vault, place, snapshots):
    found = json.loads(vault("diff", place, snapshots[0], snapshots[1], "--json").out)

    assert [(one["what"], one["path"]) for one in found["changes"]] == [("added", "/srv/Page.php")]
    assert found["changes"][0]["new"]["size"] == 3
    assert found["totals"]["added_bytes"] == 3


def test_diff_of_the_same_is_an_empty_document(vault, place, snapshots):
    found = json.loads(vault("diff", place, "latest", "latest", "/srv", "--json").out)

    assert found["changes"] == []


def test_diff_names_the_snapshot_that_is_missing(vault, place, snapshots):
    ended = vault("diff", place, "latest", "0000000000")

    assert (ended.code, ended.out) == (1, "")
    assert "0000000000" in ended.err


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*.php", b"**/*.php"),
        ("/srv/**", b"tree/srv/**"),
        ("/srv/", b"tree/srv"),
        ("/", b"tree"),
        ("srv/*", b"**/srv/*"),
        ("a\\xff*", b"**/a\xff*"),
    ],
)
def test_a_pattern_is_turned_into_one_of_stored_paths(text, pattern):
    assert stored_pattern(text) == pattern
