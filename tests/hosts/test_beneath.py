"""Opening below a folder never leads out of it, with or without the kernel's help."""

from __future__ import annotations

import os

import pytest

from webapp.hosts import beneath


@pytest.fixture(params=["kernel", "step by step"])
def root(request, tmp_path, monkeypatch):
    if request.param == "step by step":
        monkeypatch.setattr(beneath, "_has_openat2", False)
    elif not beneath._has_openat2:
        pytest.skip("this kernel has no openat2")
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "file").write_text("inside")
    (tmp_path / "in" / "up").symlink_to("..")
    (tmp_path / "in" / "out").symlink_to("/etc")
    (tmp_path / "in" / "deep" / "link").symlink_to("file")
    descriptor = os.open(tmp_path / "in", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_opens_what_is_there(root):
    with os.fdopen(beneath.open_beneath(root, b"deep/file", os.O_RDONLY)) as file:
        assert file.read() == "inside"


def test_the_empty_path_is_the_folder_itself(root):
    descriptor = beneath.open_beneath(root, b"", os.O_RDONLY | os.O_DIRECTORY)
    assert os.fstat(descriptor).st_ino == os.fstat(root).st_ino
    os.close(descriptor)


@pytest.mark.parametrize(
    "path",
    [b"../in/deep/file", b"deep/../deep/file", b"/etc/passwd", b"up/in/deep/file", b"out/passwd",
     b"deep/link", b"deep//file"],
    ids=["up", "up inside", "absolute", "link up", "link out", "link to a file", "empty part"],
)  # fmt: skip
def test_refuses_what_leads_out_or_over_a_link(root, path):
    with pytest.raises(OSError, match=r"out of its folder|symbolic links|Not a directory"):
        beneath.open_beneath(root, path, os.O_RDONLY)


def test_takes_paths_of_any_length(root):
    folder, path = os.dup(root), []
    for _ in range(60):
        os.mkdir("n" * 255, dir_fd=folder)
        below = os.open("n" * 255, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
        path.append(b"n" * 255)
    inode = os.fstat(folder).st_ino
    os.close(folder)

    found = beneath.open_beneath(root, b"/".join(path), os.O_RDONLY)

    assert os.fstat(found).st_ino == inode
    os.close(found)


def test_no_descriptor_is_lost(root):
    before = len(os.listdir("/proc/self/fd"))
    for path in (b"deep/file", b"deep/none", b"out/passwd"):
        try:
            os.close(beneath.open_beneath(root, path, os.O_RDONLY))
        except OSError:
            continue

    assert len(os.listdir("/proc/self/fd")) == before
