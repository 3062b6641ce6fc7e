"""What a folder holds, to compare two of them."""

from __future__ import annotations

import os
import stat

import pytest

NOT_OURS = ("security.selinux", "security.ima", "security.evm")


def holdings(root) -> dict[bytes, tuple]:
    """Path to everything about it that a backup keeps; names of one file have one number."""
    root, found, files = os.fsencode(root), {}, {}
    for path in _below(root, b""):
        status = os.lstat(_place(root, path))
        first = files.setdefault((status.st_dev, status.st_ino), path)
        found[path] = (*_facts(status), first, *_content(root, path, status))
    return found


def _below(root: bytes, path: bytes):
    yield path
    if stat.S_ISDIR(os.lstat(_place(root, path)).st_mode):
        for name in sorted(os.listdir(_place(root, path))):
            yield from _below(root, os.path.join(path, name))


def _place(root: bytes, path: bytes) -> bytes:
    return os.path.join(root, path) if path else root


def _facts(status: os.stat_result) -> tuple:
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return (status.st_mode, status.st_uid, status.st_gid, size, status.st_mtime_ns, status.st_rdev)


def _content(root: bytes, path: bytes, status: os.stat_result) -> tuple:
    place = _place(root, path)
    if stat.S_ISLNK(status.st_mode):
        return (os.readlink(place),)
    names = sorted(name for name in os.listxattr(place) if name not in NOT_OURS)
    kept = tuple((name, os.getxattr(place, name)) for name in names)
    if not stat.S_ISREG(status.st_mode):
        return (kept,)
    with open(place, "rb") as file:
        return (kept, file.read())


@pytest.fixture
def hold():
    return holdings
