"""``lastgood vault restore``: the whole way, as a person types it."""

from __future__ import annotations

import json
import os

import pytest

from tests.hosts.conftest import holdings


@pytest.fixture
def site(tmp_path):
    root = tmp_path / "site"
    (root / "images").mkdir(parents=True)
    (root / "index.html").write_text("shop")
    (root / "images" / "a.png").write_bytes(os.urandom(40_000))
    os.symlink("index.html", root / "home")
    return root


@pytest.fixture
def stored(vault, place, site):
    ended = vault("backup", place, site, "--source", "shop", "--json")
    assert ended.code == 0
    return json.loads(ended.out)["snapshot_id"]


def test_a_snapshot_comes_back_each_path_in_full(vault, place, site, stored, tmp_path):
    target = tmp_path / "back"

    ended = vault("restore", place, "latest", "--target", target, "--json")

    assert ended.code == 0
    result = json.loads(ended.out)
    assert result["snapshot_id"] == stored
    assert (result["updated"], result["unchanged"], result["problems"]) == (0, 0, [])
    assert (result["blocked"], result["failed"]) == (0, 0)
    assert result["bytes_written"] == 40_004
    assert result["bytes_fetched"] > 0
    assert holdings(f"{target}{site}") == holdings(site)


def test_in_its_own_place_only_what_differs_is_written(vault, place, site, stored):
    inode = (site / "images" / "a.png").stat().st_ino
    (site / "index.html").write_text("defaced")
    (site / "new").touch()

    ended = vault("restore", place, "latest", "--target", "/", "--include", site, "--json")

    result = json.loads(ended.out)
    # The folder counts, too: its time had changed.
    assert (ended.code, result["updated"], result["bytes_written"]) == (0, 2, 4)
    assert (site / "index.html").read_text() == "shop"
    assert (site / "images" / "a.png").stat().st_ino == inode
    assert (site / "new").exists()


def test_a_dry_run_lists_what_would_be_done_and_does_nothing(vault, place, site, stored):
    (site / "index.html").write_text("defaced")
    (site / "home").unlink()

    ended = vault("restore", place, "latest", "--target", "/", "--include", site, "--dry-run")

    assert ended.code == 0
    assert ended.err.splitlines() == [f"~ {site}", f"+ {site}/home", f"~ {site}/index.html"]
    assert "nothing was changed" in ended.out
    assert (site / "index.html").read_text() == "defaced"


def test_latest_means_the_newest_of_one_source_if_asked(vault, place, site, stored, tmp_path):
    other = tmp_path / "other"
    other.write_text("x")
    assert vault("backup", place, other, "--source", "other").code == 0

    ended = vault(
        "restore", place, "latest", "--source", "shop", "--target", tmp_path / "t", "--json"
    )

    assert json.loads(ended.out)["snapshot_id"] == stored


def test_what_is_in_the_way_is_named_and_the_rest_comes_back(vault, place, site, stored, tmp_path):
    target = tmp_path / "back"
    in_the_way = tmp_path / f"back{site}/index.html"
    in_the_way.mkdir(parents=True)

    ended = vault("restore", place, stored[:8], "--target", target, "--json")

    assert ended.code == 3
    result = json.loads(ended.out)
    assert result["blocked"] == 1
    assert result["problems"] == [
        {
            "path": f"{site}/index.html",
            "outcome": "blocked",
            "code": "type_differs",
            "message": "There is a folder where the snapshot has a file.",
        }
    ]
    assert (tmp_path / f"back{site}/images/a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["latest", "--target", "{site}/index.html"], 1, "index.html is not a folder."),
        (["latest", "--target", "{site}/index.html/x"], 1, "is not a folder."),
        (["latest", "--target", "{place}/packs"], 1, "lies in the vault"),
        (["latest", "--target", "{new}", "--include", "/no/such"], 1, "holds no /no/such"),
        (["latest", "--target", "{new}", "--include", "/../etc"], 1, "without . and .. parts"),
        (["deadbeef", "--target", "{new}"], 1, "holds no snapshot deadbeef"),
        (["latest"], 2, "--target"),
    ],
    ids=["a file", "below a file", "the vault", "no such path", "a way out", "no snapshot", "none"],
)
def test_each_mistake_is_one_sentence(
    vault, place, site, stored, tmp_path, *, arguments, code, words
):
    names = {"site": site, "place": place, "new": tmp_path / "new"}

    ended = vault("restore", place, *[one.format(**names) for one in arguments])

    assert ended.code == code
    assert words in ended.err
    assert not (tmp_path / "new").exists() or os.listdir(tmp_path / "new") == []


def test_no_vault_and_a_wrong_passphrase_have_codes_of_their_own(
    vault, place, stored, tmp_path, monkeypatch
):
    nowhere = vault("restore", tmp_path / "none", "latest", "--target", tmp_path / "t")
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", "wrong")
    locked = vault("restore", place, "latest", "--target", tmp_path / "t")

    assert (nowhere.code, locked.code) == (10, 12)
