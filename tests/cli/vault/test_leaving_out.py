"""What ``lastgood vault backup`` leaves out, and where it takes its paths from."""

from __future__ import annotations

import os

import pytest

from tests.cli.vault.test_backup import paths_in
from webapp.standalone.leaving_out import LeaveOut
from webapp.standalone.paths import PathsSource

SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n"


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    for name in ("real", "fake", "marked", "plain"):
        (data / name / "deep").mkdir(parents=True)
        (data / name / "deep" / "file").write_text(name)
    (data / "real" / "CACHEDIR.TAG").write_text(SIGNATURE + "# made by a program")
    (data / "fake" / "CACHEDIR.TAG").write_text("not the signature")
    (data / "marked" / ".nobackup").touch()
    return data


def kept(vault, place, data, *options) -> set[str]:
    ended = vault("backup", place, data, *options)
    assert ended.code == 0, ended.err
    return {path.removeprefix(f"{data}/") for path in paths_in(vault, place, data)}


def test_of_a_cache_only_its_tag_is_kept_and_a_false_tag_hides_nothing(vault, place, data):
    found = kept(vault, place, data, "--exclude-caches")

    assert {path for path in found if path.startswith("real")} == {"real", "real/CACHEDIR.TAG"}
    assert {"fake/deep/file", "marked/deep/file", "plain/deep/file"} <= found


def test_a_tag_that_is_a_pipe_is_not_waited_for(vault, place, data):
    (data / "real" / "CACHEDIR.TAG").unlink()
    os.mkfifo(data / "real" / "CACHEDIR.TAG")

    assert "real/deep/file" in kept(vault, place, data, "--exclude-caches")


def test_a_folder_with_a_named_mark_is_left_out_and_said(vault, place, data):
    found = kept(vault, place, data, "--exclude-if-present", ".nobackup")

    assert {path for path in found if path.startswith("marked")} == {"marked", "marked/.nobackup"}
    assert "real/deep/file" in found


def test_patterns_come_from_files_without_comments(vault, place, data, tmp_path):
    patterns = tmp_path / "patterns"
    patterns.write_text(f"# mine\n\nfake\n{data}/plain/deep\n")

    found = kept(vault, place, data, "--exclude-file", patterns)

    assert not {path for path in found if path.startswith("fake")}
    assert "plain" in found
    assert "plain/deep" not in found


def test_paths_come_from_a_file_exactly_as_they_are_written(vault, place, data, tmp_path):
    odd = data / "# odd "
    odd.write_text("x")
    (tmp_path / "list").write_text(f"{odd}\n\n{data / 'plain'}\n")

    assert vault("backup", place, "--files-from", tmp_path / "list").code == 0

    found = paths_in(vault, place, data)
    assert {path.removeprefix(f"{data}/") for path in found} == {
        "# odd ",
        "plain",
        "plain/deep",
        "plain/deep/file",
    }


def test_a_file_of_patterns_that_is_not_there_is_wrong_usage(vault, place, data):
    ended = vault("backup", place, data, "--exclude-file", data / "none")

    assert ended.code == 2
    assert "none cannot be read: No such file or directory." in ended.err


def test_no_path_at_all_is_wrong_usage(vault, place):
    ended = vault("backup", place)

    assert ended.code == 2
    assert "Name at least one PATH" in ended.err


def test_what_is_mounted_below_is_kept_as_an_empty_folder(tmp_path, monkeypatch):
    class Report:
        def __init__(self):
            self.told = []

        def failed(self, key, code, message):
            self.told.append(("failed", key, code))

        def skipped(self, key, code, message):
            self.told.append(("skipped", key, code))

        def note(self, message):
            self.told.append(("note", message))

    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / "inside").touch()
    (tmp_path / "own").touch()
    here = os.lstat

    def elsewhere(path, **where):
        found = here(path, **where)
        if path != b"mount":
            return found
        return os.stat_result((found[0], found[1], found[2] + 1, *found[3:]))

    monkeypatch.setattr("webapp.hosts.walk.os.lstat", elsewhere)
    report = Report()
    source = PathsSource([str(tmp_path)], report=report, leave_out=LeaveOut(one_file_system=True))
    names = [entry.path.rpartition(b"/")[2] for entry in source.entries()]
    source.close()

    assert names[-2:] == [b"mount", b"own"]
    assert [(told[0], told[2]) for told in report.told] == [("skipped", "other_file_system")]
