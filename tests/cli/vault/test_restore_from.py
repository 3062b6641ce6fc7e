"""``lastgood vault restore --from``: what is in one folder, without the folders above it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def data(vault, place, tmp_path):
    data = tmp_path / "data"
    (data / "site" / "img").mkdir(parents=True)
    (data / "site" / "index").write_text("page")
    (data / "site" / "img" / "a").write_text("picture")
    (data / "other").write_text("other")
    os.link(data / "other", data / "site" / "linked")
    (data / "site").chmod(0o751)
    vault("backup", place, data)
    return data


def found(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_is_in_the_folder_lies_directly_in_the_target(vault, place, data, tmp_path):
    target = tmp_path / "out"

    ended = vault("restore", place, "latest", "--from", data / "site", "--target", target)

    assert ended.code == 0, ended.err
    assert found(target) == {"index", "img", "img/a", "linked"}
    assert (target / "linked").read_text() == "other"
    assert target.stat().st_mode & 0o777 == 0o751
    assert vault("restore", place, "latest", "--from", data / "site", "-t", target).out.startswith(
        "0 created, 0 updated"
    )


def test_a_file_alone_gets_its_name_there(vault, place, data, tmp_path):
    vault("restore", place, "latest", "--from", data / "site/index", "--target", tmp_path / "out")

    assert found(tmp_path / "out") == {"index"}


def test_a_part_of_it_can_be_chosen(vault, place, data, tmp_path):
    site = data / "site"

    ended = vault(
        "restore", place, "latest", "--from", site, "-i", site / "img", "-t", tmp_path / "out"
    )

    assert ended.code == 0
    assert found(tmp_path / "out") == {"img", "img/a"}


def test_what_lies_elsewhere_is_wrong_usage(vault, place, data, tmp_path):
    ended = vault(
        *("restore", place, "latest", "--from", data / "site"),
        *("--include", data / "other", "--target", tmp_path / "out"),
    )

    assert ended.code == 2
    assert "does not lie in" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_in_the_snapshot_is_said(vault, place, data, tmp_path):
    ended = vault("restore", place, "latest", "--from", "/none", "--target", tmp_path / "out")

    assert ended.code == 1
    assert "holds no /none" in ended.err
