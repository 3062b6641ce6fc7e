"""``lastgood vault export``."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest
import zstandard

from tests.cli.vault.conftest import PASSPHRASE
from tests.cli.vault.test_reader import facts, make_tree
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import LocalStorage, Passphrase, Vault


def unpacked(data: bytes) -> tarfile.TarFile:
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return tarfile.open(fileobj=io.BytesIO(plain))


@pytest.fixture
def opened(place):
    return Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))


@pytest.mark.skipif(not shutil.which("tar"), reason="there is no tar here")
def test_tar_unpacks_all_that_was_backed_up(vault, place, tmp_path):
    tree = tmp_path / "tree"
    make_tree(tree)
    vault("backup", place, tree)

    ended = vault("export", place, "latest", "--output", tmp_path / "all.tar")

    assert ended.code == 0
    (tmp_path / "out").mkdir()
    unpack = ["tar", "--xattrs", "--xattrs-include=*", "-xpf", tmp_path / "all.tar"]
    subprocess.run([*unpack, "-C", tmp_path / "out"], check=True, timeout=60)
    assert facts(tmp_path / "out" / str(tree).lstrip("/")) == facts(tree)


def test_a_part_is_exported_with_its_paths_in_full(vault, place, opened, tmp_path):
    items = [
        folder(b"tree"),
        folder(b"tree/a"),
        (file(b"tree/a/1"), b"one"),
        folder(b"tree/b"),
        (file(b"tree/b/2", hardlink=b"tree/a/1"), b"one"),
        (file(b"tree/b/3", hardlink=b"tree/a/1"), b"one"),
        (file(b"tree/b/4"), b"four"),
        (file(b"tree/b/5", hardlink=b"tree/b/4"), b"four"),
        (file(b"tree/b-"), b"not below"),
    ]
    opened.backup(MemorySource(*items), name="a", report=Notes())

    done = vault("export", place, "latest", "/b", "--output", tmp_path / "b.tar.zst", "--json")

    archive = unpacked((tmp_path / "b.tar.zst").read_bytes())
    links = {one.name: one.linkname for one in archive.getmembers()}
    assert links == {"b": "", "b/2": "", "b/3": "b/2", "b/4": "", "b/5": "b/4"}
    assert archive.extractfile("b/3").read() == b"one"
    assert json.loads(done.out)["entries"] == 5


def test_sections_are_kept_apart_where_there_are_several(vault, place, opened, tmp_path):
    source = MemorySource((file(b"db/shop"), b"dump"), (file(b"tree/db/shop"), b"file"))
    opened.backup(source, name="a", report=Notes())

    vault("export", place, "latest", "--output", tmp_path / "a.tar.zst")

    archive = unpacked((tmp_path / "a.tar.zst").read_bytes())
    assert archive.getnames() == ["db/shop", "tree/db/shop"]


def test_what_exists_is_not_overwritten_and_what_is_missing_is_named(
    vault, place, opened, tmp_path
):
    opened.backup(MemorySource((file(b"tree/a"), b"x")), name="a", report=Notes())
    (tmp_path / "there.tar.zst").write_text("mine")

    there = vault("export", place, "latest", "--output", tmp_path / "there.tar.zst")
    missing = vault("export", place, "latest", "/nothing", "--output", tmp_path / "b.tar.zst")
    nowhere = vault("export", place, "latest", "--output", tmp_path / "no" / "b.tar.zst")

    assert (there.code, missing.code, nowhere.code) == (2, 1, 2)
    assert (tmp_path / "there.tar.zst").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if "b.tar" in path.name] == []


def test_an_archive_that_could_not_be_finished_does_not_appear(vault, place, opened, tmp_path):
    items = [(file(b"tree/%d" % number), os.urandom(700_000)) for number in range(3)]
    opened.backup(MemorySource(*items), name="a", report=Notes())
    pack = max((place / "packs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[1_000_000] ^= 1
    pack.write_bytes(data)

    ended = vault("export", place, "latest", "--output", tmp_path / "a.tar.zst")

    assert ended.code == 1
    assert pack.name in ended.err
    assert [path.name for path in tmp_path.iterdir() if ".tar" in path.name] == []
