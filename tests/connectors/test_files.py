"""The ``files`` kind: looking at a folder, and capturing it."""

from __future__ import annotations

import os
import socket

import pytest

from tests.connectors.fakes import Memory, around
from webapp.connectors import registry
from webapp.errors import ConnectorError, Invalid
from webapp.items import sort_key


def files(path, surroundings, **config):
    return registry.connect("files", {"path": str(path), **config}, surroundings)


def capture(path, surroundings, report, **config):
    return Memory(files(path, surroundings, **config).source("full", report), report)


def test_a_capture_holds_everything_in_order(site, surroundings, report):
    paths = capture(site, surroundings, report).paths()

    assert paths == sorted(paths, key=sort_key)
    assert paths == [
        b"tree", b"tree/empty", b"tree/images", b"tree/images/a.png", b"tree/images-old",
        b"tree/index.html", b"tree/link",
    ]  # fmt: skip
    assert report.failures == report.skips == {}


def test_patterns_leave_things_out_and_say_so(site, surroundings, report):
    (site / "cache").mkdir()
    (site / "cache" / "x").touch()
    (site / "images" / "cache").mkdir()

    paths = capture(site, surroundings, report, exclude="*.png, /cache\n").paths()

    assert b"tree/images/cache" in paths
    assert not {b"tree/cache", b"tree/cache/x", b"tree/images/a.png"} & set(paths)
    assert any("left out as asked" in note for note in report.notes)


def test_a_socket_is_skipped_with_a_reason(site, surroundings, report, monkeypatch):
    monkeypatch.chdir(site)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("door")
        paths = capture(site, surroundings, report).paths()

    assert report.skips == {"tree:door": "is_socket"}
    assert b"tree/door" not in paths


@pytest.mark.parametrize(
    "name",
    [b"caf\xe9", b"two\nlines", b"n" * 255, b"back\\slash", "ü€😀".encode()],
    ids=["not utf-8", "newline", "255 bytes", "backslash", "emoji"],
)
def test_any_name_is_captured(site, surroundings, report, name):
    (site / os.fsdecode(name)).write_bytes(b"content")

    snapshot = capture(site, surroundings, report)

    assert snapshot.content[b"tree/" + name] == b"content"


def test_paths_longer_than_the_kernel_takes_are_captured(site, surroundings, report):
    folder = os.open(site, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=folder)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("deep", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)

    paths = capture(site, surroundings, report).paths()

    assert b"tree/" + b"/".join([b"d" * 200] * 40 + [b"deep"]) in paths
    assert report.failures == {}


def test_a_tree_deeper_than_is_kept_open(site, surroundings, report):
    folder = os.open(site, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)

    paths = capture(site, surroundings, report).paths()

    assert b"tree" + b"/d" * 300 in paths
    assert report.failures == {}


def test_hardlinks_name_the_first(site, surroundings, report):
    os.link(site / "index.html", site / "zz")

    snapshot = capture(site, surroundings, report)

    assert snapshot.find("tree:zz").hardlink == b"tree/index.html"
    assert snapshot.find("tree:index.html").hardlink == b""


def test_a_file_that_vanishes_is_reported_by_its_reader(site, surroundings, report):
    source = files(site, surroundings).source("full", report)
    entry = next(entry for entry in source.entries() if entry.path == b"tree/index.html")
    (site / "index.html").unlink()

    with pytest.raises(FileNotFoundError):
        source.open(entry)
    source.close()


def test_a_link_in_place_of_a_file_is_not_followed(site, surroundings, report):
    source = files(site, surroundings).source("full", report)
    entry = next(entry for entry in source.entries() if entry.path == b"tree/index.html")
    (site / "index.html").unlink()
    (site / "index.html").symlink_to("/etc/passwd")

    with pytest.raises(OSError, match="symbolic links"):
        source.open(entry)
    source.close()


def test_our_own_data_inside_the_folder_is_left_out(site, tmp_path, report):
    (site / "data").mkdir()
    (site / "data" / "key").touch()
    surroundings = around(tmp_path, tmp_path, own_data=[site / "data"])

    paths = capture(site, surroundings, report).paths()

    assert b"tree/data" not in paths
    assert report.skips == {"tree:data": "inside_own_data"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/etc", "outside_roots"),
        ("{root}/../../../../etc", "outside_roots"),
        ("{root}/outside", "outside_roots"),
        ("{root}/nowhere", "not_found"),
        ("{root}/index.html", "not_a_folder"),
        ("{root}/data/vault", "inside_own_data"),
    ],
    ids=["elsewhere", "dots", "link out", "absent", "a file", "own data"],
)
def test_a_path_that_cannot_be_used_is_refused(site, tmp_path, report, path, code):
    (site / "outside").symlink_to("/etc")
    surroundings = around(tmp_path, site, own_data=[site / "data"])
    connector = files(path.format(root=site), surroundings)

    assert [finding.code for finding in connector.check()] == [code]
    with pytest.raises(ConnectorError) as caught:
        connector.source("full", report)
    assert caught.value.code == code


def test_the_demo_folder_is_let_through(site, tmp_path, report):
    surroundings = around(tmp_path, tmp_path, own_data=[tmp_path], exempt=[site])

    assert len(capture(site, surroundings, report).paths()) == 7


def test_a_linked_parent_is_fine_inside_the_root(site, tmp_path, surroundings, report):
    (tmp_path / "alias").symlink_to(site)

    assert b"tree/index.html" in capture(tmp_path / "alias", surroundings, report).paths()


@pytest.mark.parametrize("path", ["", "relative", "/a\x00b"], ids=["empty", "relative", "zero"])
def test_what_is_no_path_is_refused_at_the_form(path):
    with pytest.raises(Invalid) as caught:
        registry.kind_of("files").clean({"path": path})
    assert "path" in caught.value.fields


def test_unknown_settings_are_named():
    with pytest.raises(Invalid) as caught:
        registry.kind_of("files").clean({"path": "/srv", "pth": "x"})
    assert list(caught.value.fields) == ["pth"]
