"""The promise that a preview never writes, proven from outside in three ways."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.connectors.children import NOBODY, as_nobody, needs_root
from tests.connectors.preview_program import preview
from tests.connectors.test_sqlite import change, make

EXPECTED = {
    "config:shop.ini": "replace",
    "db:shop": "replace",
    "tree:": "update",
    "tree:evil.php": "delete",
    "tree:images": "update",
    "tree:images/a.png": "create",
    "tree:index.html": "replace",
}
CHANGING = re.compile(
    r"^\d+ +(?:rename\w*|unlink\w*|mkdir\w*|rmdir|link|linkat|symlink\w*|mknod\w*|f?chmod\w*"
    r"|[fl]?chown\w*|utime\w*|futimesat|[fl]?setxattr\w*|[fl]?removexattr\w*|f?truncate\w*"
    r"|fallocate|p?writev?\d*|pwrite64|sendfile|copy_file_range|mount)\("
)
OPENING = re.compile(r"^\d+ +(?:open|openat|openat2|creat)\(")
FOR_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE")


@pytest.fixture
def place():
    """A folder that other users can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="lastgood-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def pair(place):
    """A sound site, and the same site damaged."""
    sound = place / "sound" / "site"
    (sound / "images").mkdir(parents=True)
    (sound / "images" / "a.png").write_bytes(b"\x89PNG\x00")
    (sound / "index.html").write_text("<h1>Shop</h1>\n")
    (sound / "link").symlink_to("index.html")
    os.setxattr(sound / "index.html", "user.note", b"x")
    (sound / "shop.ini").write_text("name = shop\n")
    make(sound / "shop.db", mode="wal", rows=50)
    target = place / "target" / "site"
    shutil.copytree(sound, target, symlinks=True)
    (target / "index.html").write_text("<h1>Hacked</h1>\n")
    (target / "images" / "a.png").unlink()
    (target / "shop.ini").write_text("name = hacked\n")
    (target / "evil.php").touch()
    change(target / "shop.db", "DELETE FROM orders WHERE id < 10")
    scratch = place / "scratch"
    scratch.mkdir()
    return target, sound, scratch


@needs_root
def test_as_somebody_who_may_only_read_on_a_read_only_mount(pair):
    target, sound, scratch = pair
    for path in (scratch, sound.parent, sound, *sound.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def look():
        with pytest.raises(OSError, match=r"Read-only|Permission"):
            (target / "proof").touch()
        return preview(target, sound, scratch)

    found = as_nobody(look, read_only=target)

    # What belongs to somebody else keeps its facts: this user could not set them.
    assert found == {
        key: action for key, action in EXPECTED.items() if key not in {"tree:", "tree:images"}
    }


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("what", ["preview", "restore"])
def test_seen_by_its_system_calls(pair, what):
    target, _, scratch = pair
    log = scratch.parent / "strace.log"
    watched = ["strace", "-f", "-y", "-s", "4096", "-e", "trace=file,desc,mount", "-o", str(log)]
    program = [sys.executable, "-m", "tests.connectors.preview_program", what, *map(str, pair)]
    done = subprocess.run([*watched, *program], capture_output=True, text=True)
    if "Operation not permitted" in done.stderr and not log.stat().st_size:
        pytest.skip(f"STRACE IS NOT ALLOWED HERE: {done.stderr}")

    assert done.returncode == 0, done.stderr
    lines = log.read_text(errors="replace").splitlines()
    below = [line for line in lines if str(target) in line]
    assert any(OPENING.match(line) for line in below)
    if what == "preview":
        assert json.loads(done.stdout) == EXPECTED
        assert [line for line in below if is_a_write(line)] == []
    else:  # the same eyes do see a writer
        assert len([line for line in below if is_a_write(line)]) > 10


def is_a_write(line):
    if OPENING.match(line):
        return bool(FOR_WRITING.search(line))
    if line.split("(")[0].endswith(("sendfile", "copy_file_range")):
        return False  # their writing side is seen as it is opened
    return bool(CHANGING.match(line))


def test_by_everything_that_can_be_read_afterwards(pair):
    target, _, _ = pair
    with closing(sqlite3.connect(target / "shop.db", isolation_level=None)) as writer:
        writer.execute("UPDATE orders SET what = 'in the log' WHERE id = 20")
        before = everything(target.parent)

        found = preview(*pair)

        assert everything(target.parent) == before
    assert found == EXPECTED


def everything(root):
    return {str(path): facts(path) for path in (root, *sorted(root.rglob("*")))}


def facts(path):
    # Read first: reading here may itself set the access time, the first time round.
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
    status = os.lstat(path)
    # Reading where a link leads sets its access time; there is no way around that.
    seen = status.st_atime_ns if not path.is_symlink() else 0
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
    }
    return (
        status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_ino,
        status.st_mtime_ns, status.st_ctime_ns, seen, attributes, content,
    )  # fmt: skip
