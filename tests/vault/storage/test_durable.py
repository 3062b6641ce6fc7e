"""What a folder on disk has made durable when a put or a delete returns, seen by its fsyncs."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from webapp.vault import LocalStorage


@pytest.fixture
def synced(monkeypatch) -> list[str]:
    """The paths that were made durable, in order; a file without a name is ``nameless``."""
    found: list[str] = []
    whole = os.fsync

    def fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        found.append("nameless" if path.endswith("(deleted)") else path)
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


@pytest.fixture
def without_nameless_files(monkeypatch) -> None:
    whole = os.open

    def refuse(path, flags, *rest, **more):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not here")
        return whole(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)


def test_a_put_makes_content_then_name_durable(tmp_path, synced):
    storage = LocalStorage(tmp_path / "vault")
    storage.put("packs/a", b"x")
    synced.clear()

    storage.put("packs/b", b"data")

    assert synced == ["nameless", str(tmp_path / "vault" / "packs")]


@pytest.mark.usefixtures("without_nameless_files")
def test_a_put_by_a_partial_file_makes_content_then_name_durable(tmp_path, synced):
    storage = LocalStorage(tmp_path / "vault")
    storage.put("packs/a", b"x")
    synced.clear()

    storage.put("packs/b", b"data")

    partial, folder = synced
    assert partial.endswith(".partial")
    assert folder == str(tmp_path / "vault" / "packs")


def test_a_new_folder_is_made_durable_in_the_one_above_before_anything_is_in_it(tmp_path, synced):
    storage = LocalStorage(tmp_path / "new" / "vault")

    storage.put("packs/a", b"x")

    above = [str(tmp_path), str(tmp_path / "new"), str(tmp_path / "new" / "vault")]
    assert synced == [*above, "nameless", str(tmp_path / "new" / "vault" / "packs")]


def test_a_delete_is_durable(tmp_path, synced):
    storage = LocalStorage(tmp_path / "vault")
    storage.put("packs/a", b"x")
    synced.clear()

    storage.delete("packs/a")

    assert synced == [str(Path(tmp_path) / "vault" / "packs")]
