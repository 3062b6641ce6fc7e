"""``lastgood vault backup`` and what is seen of it: snapshots, ls, stats."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from tests.cli.vault.test_group import HEAVY, loaded_after, running

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "sub" / "b.log").write_text("beta")
    (folder / "sub" / "c.txt").write_text("gamma")
    return folder


def paths_in(vault, place, *more: object) -> set[str]:
    rows = vault("ls", place, "latest", *more, "--recursive", "--json").data
    return {row["path"] for row in rows}


def test_the_document_of_a_backup_has_the_promised_keys(vault, place, data):
    ended = vault("backup", place, data, "--json")

    made = ended.data
    assert ended.code == 0
    assert made["files"] == 3
    assert made["bytes_read"] == len("alphabetagamma")
    assert made["bytes_stored"] > 0
    assert made["dirs"] >= 2
    assert made["seconds"] > 0
    assert re.fullmatch("[0-9a-f]{32}", made["snapshot_id"])


def test_snapshots_are_listed_newest_first_with_the_promised_keys(vault, place, data):
    first = vault("backup", place, data, "--source", "one", "--json").data
    second = vault("backup", place, data, "--source", "two", "--json").data

    found = vault("snapshots", place, "--json").data

    assert [one["id"] for one in found] == [second["snapshot_id"], first["snapshot_id"]]
    assert [one["source"] for one in found] == ["two", "one"]
    assert {(one["files"], one["bytes"]) for one in found} == {(3, 14)}
    assert datetime.fromisoformat(found[0]["time"]).tzinfo is not None
    assert len(vault("snapshots", place, "--source", "one", "--json").data) == 1


def test_what_did_not_change_is_not_read_again_unless_paranoid(vault, place, data, monkeypatch):
    monkeypatch.setattr("webapp.vault.files.is_young", lambda *_: False)
    vault("backup", place, data)

    again = vault("backup", place, data, "--json").data
    paranoid = vault("backup", place, data, "--paranoid", "--json").data

    assert (again["unchanged"], again["bytes_read"]) == (3, 0)
    assert (paranoid["unchanged"], paranoid["bytes_read"]) == (0, 14)


def test_every_path_lies_under_its_full_path_in_one_snapshot(vault, place, data):
    other = data.parent / "other"
    other.mkdir()
    (other / "d").write_text("delta")

    vault("backup", place, data / "sub", other, data / "a.txt")

    found = paths_in(vault, place)
    assert {str(data / "sub" / "b.log"), str(other / "d"), str(data / "a.txt")} <= found
    assert {str(folder) for folder in data.parents} - {"/"} <= found  # the way to them


def test_folders_on_the_way_are_kept_as_they_are_and_without_the_rest(vault, place, data):
    data.chmod(0o711)

    vault("backup", place, data / "sub")

    rows = {row["path"]: row for row in vault("ls", place, "latest", data, "--json").data}
    assert set(rows) == {str(data / "sub")}
    above = vault("ls", place, "latest", data.parent, "--json").data
    assert [row["mode"] for row in above if row["path"] == str(data)] == ["0711"]


def test_two_files_of_one_folder_are_two_files(vault, place, data):
    vault("backup", place, data / "sub" / "b.log", data / "sub" / "c.txt")

    rows = vault("ls", place, "latest", data / "sub", "--json").data
    assert [(row["path"], row["size"]) for row in rows] == [
        (str(data / "sub" / "b.log"), 4),
        (str(data / "sub" / "c.txt"), 5),
    ]


def test_a_path_inside_another_one_is_kept_once(vault, place, data):
    made = vault("backup", place, data, data / "sub", data / "a.txt", data, "--json").data

    assert made["files"] == 3


def test_names_sort_by_parts_across_paths(vault, place, data):
    for name in ("x", "x-y", "x.z"):
        (data / name).mkdir()
        (data / name / "f").write_text(name)

    made = vault("backup", place, data / "x.z", data / "x", data / "x-y", "--json")

    assert made.code == 0
    assert made.data["files"] == 3


def test_names_that_are_no_text_are_kept_and_shown(vault, place, data):
    odd = os.fsencode(data) + b"/\xff"
    with open(odd, "wb") as file:
        file.write(b"x")

    vault("backup", place, os.fsdecode(odd))

    assert f"{data}/\\xff" in paths_in(vault, place)
    assert len(vault("ls", place, "latest", f"{data}/\\xff", "--json").data) == 1


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("*.log", {"sub/b.log"}),
        ("sub", {"sub", "sub/b.log", "sub/c.txt"}),
        ("{data}/sub/c*", {"sub/c.txt"}),
        ("/sub", set()),
    ],
)
def test_exclusions_know_names_and_full_paths(vault, place, data, pattern, left_out):
    vault("backup", place, data, "--exclude", pattern.format(data=data))

    everything = {str(path) for path in data.rglob("*")}
    assert everything - paths_in(vault, place, data) == {str(data / name) for name in left_out}


def test_the_vault_and_its_cache_are_left_out_of_a_backup_around_them(vault, place, data):
    vault("backup", place, data)

    ended = vault("backup", place, data.parent)

    found = paths_in(vault, place)
    assert ended.code == 0
    assert str(data / "a.txt") in found
    assert not any(path.startswith(str(place)) for path in found)
    assert "inside the data folder or a vault" in ended.err


def test_backing_up_the_vault_into_itself_is_refused(vault, place):
    ended = vault("backup", place, place / "packs")

    assert ended.code == 1
    assert "vault" in ended.err
    assert vault("snapshots", place, "--json").data == []


def test_a_path_that_is_not_there_is_listed_and_the_rest_is_kept(vault, place, data):
    ended = vault("backup", place, data, data.parent / "gone", "--json")

    assert ended.code == 3
    assert ended.data["failed"] == 1
    assert ended.data["files"] == 3
    assert f"{data.parent}/gone" in ended.err
    assert vault("snapshots", place, "--json").data[0]["failed"] == 1


def test_paths_that_are_all_missing_make_no_snapshot(vault, place, tmp_path):
    ended = vault("backup", place, tmp_path / "gone")

    assert ended.code == 1
    assert "does not exist" in ended.err
    assert vault("snapshots", place, "--json").data == []


@pytest.mark.skipif(IS_ROOT, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_3(vault, place, data):
    (data / "a.txt").chmod(0)

    ended = vault("backup", place, data, "--json")

    assert ended.code == 3
    assert ended.data["files"] == 2
    assert "a.txt" in ended.err


def test_a_file_that_cannot_be_read_is_3_and_named(vault, place, data, monkeypatch):
    from webapp.hosts import local, sight

    real = local.open_file

    def refuse(folder, name):
        if name == b"a.txt":
            raise PermissionError(13, "no")
        return real(folder, name)

    monkeypatch.setattr(local, "open_file", refuse)
    monkeypatch.setattr(sight, "open_file", refuse)

    ended = vault("backup", place, data, "--json")

    assert (ended.code, ended.data["failed"], ended.data["files"]) == (3, 1, 2)
    assert f"{data}/a.txt" in ended.err
    assert vault("snapshots", place, "--json").data[0]["failed"] == 1


def test_a_link_named_as_a_path_is_followed_to_a_folder_and_refused_to_a_file(vault, place, data):
    (data.parent / "way").symlink_to(data)
    (data.parent / "file").symlink_to(data / "a.txt")

    followed = vault("backup", place, data.parent / "way")
    refused = vault("backup", place, data.parent / "file")

    assert followed.code == 0
    assert f"{data.parent}/way/a.txt" in paths_in(vault, place)
    assert refused.code == 1
    assert str(data / "a.txt") in refused.err


def test_the_default_source_is_host_and_paths(vault, place, data, monkeypatch):
    monkeypatch.chdir(data)

    made = vault("backup", place, "sub/", "a.txt", "--json").data

    assert made["source"] == f"{socket.gethostname()}:{data}/a.txt,{data}/sub"


def test_reason_and_tags_stay_with_the_snapshot(vault, place, data):
    vault("backup", place, data, "--reason", "before", "--tag", "x", "--tag", "y")

    found = vault("snapshots", place, "--json").data[0]
    assert found["reason"] == "before"
    assert found["metadata"]["tags"] == ["x", "y"]
    assert found["metadata"]["paths"] == [str(data)]


def test_a_snapshot_is_named_by_the_start_of_its_id(vault, place, data):
    made = vault("backup", place, data, "--source", "one", "--json").data["snapshot_id"]
    vault("backup", place, data / "sub", "--source", "two")

    for name in (made, made[:8], made[:4], "latest:one"):
        rows = vault("ls", place, name, data, "--json").data
        assert [row["path"] for row in rows] == [f"{data}/a.txt", f"{data}/sub"]


@pytest.mark.parametrize("name", ["abc", "latest:none", "f" * 32, "../..", "x" * 8])
def test_a_snapshot_that_is_not_there_is_1(vault, place, data, name):
    vault("backup", place, data)

    ended = vault("ls", place, name)

    assert (ended.code, ended.err.count("\n")) == (1, 1)


def test_an_id_that_is_not_unique_is_refused(vault, place, data, monkeypatch):
    identities = (b"\xab\xcd" + number.to_bytes(14) for number in count())
    monkeypatch.setattr("webapp.vault.engine.Engine.new_id", lambda _: next(identities))
    vault("backup", place, data)
    made = vault("backup", place, data, "--json").data["snapshot_id"]

    assert "more digits" in vault("ls", place, "abcd").err
    assert vault("ls", place, made).code == 0


def test_a_path_that_a_snapshot_does_not_hold_is_1(vault, place, data):
    vault("backup", place, data)

    for path in ("/nothing", "/../etc"):
        ended = vault("ls", place, "latest", path)
        assert (ended.code, ended.err.count("\n")) == (1, 1)


def test_ls_for_a_person_shows_kind_mode_owner_and_target(vault, place, data):
    (data / "link").symlink_to("a.txt")
    vault("backup", place, data)

    lines = vault("ls", place, "latest", data).out.splitlines()

    assert [line[0] for line in lines] == ["-", "l", "d"]
    assert lines[1].endswith(f"{data}/link -> a.txt")


def test_ls_of_the_top_shows_what_lies_below_the_root(vault, place, data):
    vault("backup", place, data)

    assert [row["path"] for row in vault("ls", place, "latest", "--json").data] == [
        "/" + data.parts[1]
    ]


def test_stats_add_up(vault, place, data):
    vault("backup", place, data)
    vault("backup", place, data)

    found = vault("stats", place, "--json").data

    on_disk = [path.stat().st_size for path in place.rglob("*") if path.is_file()]
    assert found["bytes_stored"] == sum(on_disk)
    assert found["objects"] == len(on_disk)
    assert (found["snapshots"], found["sources"], found["bytes_logical"]) == (2, 1, 28)
    assert "2 snapshots" in vault("stats", place).out


@pytest.mark.parametrize("verb", ["backup", "ls"])
def test_reading_and_writing_load_neither_web_nor_database_nor_s3(vault, place, data, verb):
    vault("backup", place, data)
    more = {"backup": [data], "ls": ["latest"]}[verb]

    loaded = loaded_after(running("vault", verb, place, *more), dict(os.environ))

    assert "webapp.vault.vault" in loaded
    assert loaded & HEAVY == set()


def test_ctrl_c_in_the_middle_leaves_nothing_visible(vault, place, data):
    program = (
        "import os, signal\n"
        # What is started in the background of a script begins with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from webapp.hosts import sight\n"
        "real = sight.open_file\n"
        "def interrupt(folder, name):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(folder, name)\n"
        "sight.open_file = interrupt\n"
        f"from webapp import cli; cli.main(['vault', 'backup', {str(place)!r}, {str(data)!r}])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 130
    assert done.stderr.count("\n") == 1
    assert vault("snapshots", place, "--json").data == []
    assert vault("backup", place, data).code == 0
