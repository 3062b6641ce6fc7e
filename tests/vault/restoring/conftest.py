"""A folder with everything a tree can hold, and restoring it."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest

from tests.connectors.fakes import Recorder, around
from tests.hosts.conftest import holdings
from tests.vault.conftest import KEY
from webapp.connectors import registry
from webapp.hosts.restoring.target import FolderTarget
from webapp.vault import Vault
from webapp.vault.storage.memory import MemoryStorage

LONG_AGO = 1_234_567_890_123_456_789


def capture(vault, folder, *, name="site", parent="auto"):
    """One snapshot of *folder*, by the console's own connector."""
    recorder = Recorder()
    source = registry.connect("files", {"path": str(folder)}, around(folder.parent)).source(
        "full", recorder
    )
    try:
        return vault.backup(source, name=name, report=recorder, parent=parent).snapshot
    finally:
        source.close()


def restore(vault, snapshot, folder, *, section=b"tree", by_name=False, by_content=False, **more):
    """Restore, and tell what was done: the result, and each step by path."""
    steps = {}
    dry = more.get("dry_run", False)
    with FolderTarget(
        folder, section=section, dry_run=dry, by_name=by_name, by_content=by_content
    ) as target:
        result = vault.restore(
            snapshot, target, on_item=lambda path, step, _: steps.setdefault(path, step), **more
        )
        target.finish(whole=not more.get("include"))
    return result, steps


def leftovers(folder) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.name.startswith(".lastgood")]


def half_files(folder) -> list[Path]:
    """What is left but for the marks that restores were here."""
    return [path for path in leftovers(folder) if not path.name.endswith("-0.part")]


def make_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"start" * 1000)
        file.seek(5 << 20)
        file.write(random.Random(3).randbytes(700_000))
        file.truncate(9 << 20)


def fill(root: Path) -> None:
    """Everything that anybody may make."""
    draw = random.Random(1)
    (root / "a" / "deep" / "deeper").mkdir(parents=True)
    (root / "empty-folder").mkdir()
    (root / "empty").touch()
    for number in range(40):
        (root / "a" / f"small-{number}").write_bytes(draw.randbytes(draw.randrange(20_000)))
    (root / "large").write_bytes(draw.randbytes(9_000_000))
    (root / "same-large").write_bytes((root / "large").read_bytes())
    make_sparse(root / "sparse")
    with (root / "all-hole").open("wb") as file:
        file.truncate(3 << 20)
    (root / "link").symlink_to("a/small-1")
    (root / "dangling").symlink_to("/nowhere/at/all")
    os.symlink(b"\xff\xfe", os.fsencode(root) + b"/odd-link")
    os.link(root / "a" / "small-2", root / "second-name")
    os.link(root / "large", root / "z-large")
    os.mkfifo(root / "fifo", 0o640)
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9 \n\\")).write_text("not UTF-8")
    (root / "a" / "program").write_text("#!/bin/sh")
    (root / "a" / "program").chmod(0o4755)
    (root / "a" / "deep").chmod(0o1777)
    (root / "private").write_text("x")
    os.setxattr(root / "private", "user.note", b"\x00kept")
    (root / "private").chmod(0o400)
    os.setxattr(root / "a", "user.note", b"of a folder")
    _set_times(root)


def fill_as_root(root: Path) -> None:
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(7, 9))
    (root / "theirs").write_text("x")
    os.chown(root / "theirs", 1234, 5678)
    (root / "theirs").chmod(0o2755)
    os.chown(root / "a" / "deep", 33, 33)
    os.lchown(root / "link", 12, 13)
    (root / "listed").mkdir()
    acl = bytes.fromhex(
        "0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000000ffffffff"
    )
    os.setxattr(root / "listed", "system.posix_acl_default", acl)
    (root / "listed" / "inside").write_text("x")
    os.removexattr(root / "listed" / "inside", "system.posix_acl_access")
    os.setxattr(root / "theirs", "system.posix_acl_access", acl)
    _set_times(root)


def _set_times(root: Path) -> None:
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, ns=(LONG_AGO, LONG_AGO + number), follow_symlinks=False)
    os.utime(root, ns=(LONG_AGO, LONG_AGO))


class Counting(MemoryStorage):
    """Knows what was fetched of each pack."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[tuple[str, int, int]] = []

    def get(self, name, *, offset=0, length=None):
        data = super().get(name, offset=offset, length=length)
        if name.startswith("packs/"):
            self.fetched.append((name, offset, len(data)))
        return data


@pytest.fixture
def storage():
    return Counting()


@pytest.fixture
def site(tmp_path) -> Path:
    """A folder that holds a bit of everything."""
    root = tmp_path / "site"
    root.mkdir()
    fill(root)
    if os.geteuid() == 0:
        fill_as_root(root)
    return root


@pytest.fixture
def snapshot(vault, site):
    return capture(vault, site)


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "target"


def reopened(storage) -> Vault:
    return Vault.open(storage, wrap=KEY)


__all__ = ["capture", "half_files", "holdings", "leftovers", "reopened", "restore"]
