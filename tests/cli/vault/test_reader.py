"""``docs/lastgood-reader.py``: restores a vault alone, where ``webapp`` cannot be imported."""

from __future__ import annotations

import ast
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.vault.conftest import PASSPHRASE
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.items import Entry, EntryKind
from webapp.vault import ConsoleKey, LocalStorage, Passphrase, Vault, documents, stream

READER = Path(__file__).parents[3] / "docs" / "lastgood-reader.py"
SAMPLE = Path(__file__).parents[2] / "vault" / "vectors" / "format-1"
# Isolated: no environment, no current folder, no folder of the script; and webapp blocked.
ALONE = """
import runpy, sys
sys.modules["webapp"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def read(tmp_path):
    """Runs the reader by itself, somewhere else."""
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()

    def run(*arguments, passphrase=PASSPHRASE):
        return subprocess.run(
            [sys.executable, "-I", "-c", ALONE, READER, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=nowhere,
            env={"LASTGOOD_VAULT_PASSPHRASE": passphrase},
            timeout=60,
            check=False,
        )

    return run


def make_tree(root: Path) -> None:
    """Everything that a tree can hold."""
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "er" / "large").write_bytes(os.urandom(3_000_000))
    (root / "empty").write_bytes(b"")
    (root / "text").write_bytes(b"a line\n" * 10_000)
    os.link(root / "text", root / "zz-hard")
    (root / "link").symlink_to("text")
    (root / "dangling").symlink_to("/nowhere/at/all")
    os.mkfifo(root / "fifo")
    Path(os.fsdecode(os.fsencode(root) + b"/n\xff\n")).write_bytes(b"odd name")
    with (root / "sparse").open("wb") as sparse:
        sparse.seek(5_000_000)
        sparse.write(b"end")
        sparse.truncate(9_000_000)
    (root / "text").chmod(0o4751)
    for place in (root / "text", root / "deep"):
        os.setxattr(place, b"user.colour", b"gr\x00een")
    (root / "deep" / "er").chmod(0o500)
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, ns=(10**18, 10**18 + number), follow_symlinks=False)
    os.utime(root, ns=(10**18, 10**18 + 1))


def facts(root: Path) -> dict[str, tuple]:
    """What can be told of a tree, path by path."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        seen = path.lstat()
        link = stat.S_ISLNK(seen.st_mode)
        names = os.listxattr(path, follow_symlinks=False)
        found[str(path.relative_to(root))] = (
            seen.st_mode,
            seen.st_uid,
            seen.st_gid,
            seen.st_mtime_ns,
            seen.st_nlink if not path.is_dir() else 0,
            os.readlink(path) if link else "",
            path.read_bytes() if stat.S_ISREG(seen.st_mode) else b"",
            [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)],
        )
    return found


def test_the_reader_needs_python_and_four_libraries():
    roots = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(READER.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else
                     [alias.name for alias in node.names])
    }  # fmt: skip

    strangers = roots - set(sys.stdlib_module_names)
    assert strangers == {"argon2", "blake3", "cryptography", "zstandard"}


def test_a_tree_is_restored_by_the_reader_alone(vault, place, read, tmp_path):
    tree = tmp_path / "tree"
    make_tree(tree)
    assert vault("backup", place, tree, "--source", "site").code == 0

    ended = read(place, "restore", "latest", tmp_path / "out")

    assert (ended.stderr, ended.returncode) == ("", 0)
    restored = tmp_path / "out" / "tree" / str(tree).lstrip("/")
    assert facts(restored) == facts(tree)
    assert (restored / "sparse").stat().st_blocks * 512 < 1_000_000


def test_a_vault_with_private_boundaries_is_restored_by_the_reader(vault, read, tmp_path):
    make_tree(tmp_path / "tree")
    assert vault("init", tmp_path / "private", "--private-boundaries").code == 0
    vault("backup", tmp_path / "private", tmp_path / "tree")

    ended = read(tmp_path / "private", "restore", "latest", tmp_path / "out")

    assert (ended.stderr, ended.returncode) == ("", 0)
    restored = tmp_path / "out" / "tree" / str(tmp_path / "tree").lstrip("/")
    assert facts(restored) == facts(tmp_path / "tree")


def test_a_part_is_restored_alone(vault, place, read, tmp_path):
    make_tree(tmp_path / "tree")
    vault("backup", place, tmp_path / "tree")

    ended = read(place, "restore", "latest", tmp_path / "out", tmp_path / "tree" / "deep")

    assert ended.returncode == 0
    restored = tmp_path / "out" / "tree" / str(tmp_path / "tree").lstrip("/")
    assert facts(restored / "deep") == facts(tmp_path / "tree" / "deep")
    assert [path.name for path in restored.iterdir()] == ["deep"]


def test_what_backups_and_prunes_say_while_they_are_at_work_is_none_of_the_readers_business(
    vault, place, read, tmp_path
):
    make_tree(tmp_path / "tree")
    vault("backup", place, tmp_path / "tree")
    for kind in ("writing", "pruning", "checked", "key-changes"):
        (place / kind).mkdir(exist_ok=True)
        (place / kind / ("ab" * 16)).write_bytes(b"whatever")

    verified = read(place, "verify")
    restored = read(place, "restore", "latest", tmp_path / "out")

    assert (verified.stderr, verified.returncode) == ("", 0)
    assert (restored.stderr, restored.returncode) == ("", 0)


def test_the_kept_sample_is_listed_verified_and_restored(read, tmp_path):
    phrase = "correct horse battery staple"

    listed = read(SAMPLE, "list", passphrase=phrase)
    verified = read(SAMPLE, "verify", passphrase=phrase)
    restored = read(SAMPLE, "restore", "af3e61d9", tmp_path / "out", passphrase=phrase)

    assert listed.stdout.startswith("af3e61d97902a2d59f7da378da8bb244  20")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "files read" in verified.stdout
    assert restored.returncode == 0
    out = tmp_path / "out"
    assert (out / "tree/sparse").read_bytes() == bytes(1 << 20) + b"end" + bytes(5000)
    assert (out / "tree/same.html").samefile(out / "tree/index.html")
    assert (out / "db/shop").read_bytes().startswith(b"000000 a line of a dump\n")
    assert (out / "config/site.conf").read_bytes() == b"debug = false\n"


def test_a_consoles_key_opens_it_too(read, tmp_path):
    (tmp_path / "key").write_text(bytes(range(32)).hex() + "\n")

    assert read(SAMPLE, "list", "--console-key", tmp_path / "key").returncode == 0


def test_a_wrong_passphrase_no_vault_and_a_full_target_are_told_apart(place, read, tmp_path):
    wrong = read(place, "list", passphrase="wrong")
    nothing = read(tmp_path, "list")
    (tmp_path / "full" / "x").mkdir(parents=True)
    full = read(SAMPLE, "restore", "latest", tmp_path / "full",
                passphrase="correct horse battery staple")  # fmt: skip

    assert [one.returncode for one in (wrong, nothing, full)] == [12, 10, 2]
    assert [one.stderr.count("\n") for one in (wrong, nothing, full)] == [1, 1, 1]


def test_a_flipped_bit_loses_what_it_hits_and_is_named(place, read, tmp_path):
    opened = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    items = [(file(b"tree/%d" % number), os.urandom(600_000)) for number in range(3)]
    opened.backup(MemorySource(*items), name="a", report=Notes(), threads=1)
    pack = max((place / "packs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[900_000] ^= 4
    pack.write_bytes(data)

    ended = read(place, "restore", "latest", tmp_path / "out")
    verified = read(place, "verify", "latest")

    assert (ended.returncode, verified.returncode) == (1, 1)
    assert f"packs/{pack.name}: record 1 is damaged" in ended.stderr
    (lost,) = re.findall(r"not restored: tree/(\d)", ended.stderr)
    restored = {path.name for path in (tmp_path / "out" / "tree").iterdir()}
    assert restored == {"0", "1", "2"} - {lost}


@pytest.mark.parametrize("how", ["trailer", "config", "keys", "index"])
def test_what_is_stored_twice_or_can_be_found_again_may_be_lost(vault, place, read, tmp_path, how):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"content")
    vault("backup", place, tmp_path / "a")
    lost = [place / "config"] if how == "config" else []
    if how == "trailer":
        for pack in (place / "packs").iterdir():
            pack.write_bytes(pack.read_bytes()[:-100])
    elif how != "config":
        lost = list((place / how).iterdir())
    for path in lost:
        path.unlink()

    ended = read(place, "restore", "latest", tmp_path / "out")

    assert ended.returncode == 0
    assert (tmp_path / "out/tree" / str(tmp_path)[1:] / "a/b").read_bytes() == b"content"


def hostile(*entries: Entry) -> MemorySource:
    source = MemorySource()
    source.pairs = [(entry, b"evil") for entry in entries]
    source._contents = {entry.path: b"evil" for entry in entries}
    return source


def test_nothing_leaves_the_target_whatever_a_manifest_says(place, read, tmp_path, monkeypatch):
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.setattr(stream, "is_safe", lambda path: True)
    opened = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    link = Entry(path=b"tree/out", kind=EntryKind.SYMLINK, mode=0o777,
                 link_target=os.fsencode(outside))  # fmt: skip
    source = hostile(
        folder(b"tree"),
        file(b"tree/../../up", size=4),
        file(b"tree/a", size=4),
        file(b"tree/b", size=4, hardlink=b"tree/out/secret"),
        link,
        file(b"tree/out/in", size=4),
    )
    opened.backup(source, name="a", report=Notes())

    ended = read(place, "restore", "latest", tmp_path / "out")

    assert ended.returncode == 1
    assert ended.stderr.count("not restored") == 2
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "up").exists()
    assert sorted(path.name for path in (tmp_path / "out" / "tree").iterdir()) == ["a", "b", "out"]


def test_it_reads_what_a_copy_wrote_and_never_writes_to_a_vault(place, read, tmp_path):
    opened = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    opened.backup(MemorySource((file(b"tree/a"), b"content")), name="a", report=Notes())
    second = Vault.create(LocalStorage(tmp_path / "second"), wrap=ConsoleKey("k", b"k" * 32))
    opened.copy_to(second)
    (tmp_path / "key").write_text((b"k" * 32).hex())
    before = sorted((str(p), p.stat().st_mtime_ns) for p in (tmp_path / "second").rglob("*"))

    ended = read(
        tmp_path / "second", "restore", "latest", tmp_path / "out",
        "--console-key", tmp_path / "key",
    )  # fmt: skip

    assert ended.returncode == 0
    assert (tmp_path / "out/tree/a").read_bytes() == b"content"
    after = sorted((str(p), p.stat().st_mtime_ns) for p in (tmp_path / "second").rglob("*"))
    assert after == before


def test_a_forgotten_snapshot_is_marked_and_is_not_the_latest(place, read, tmp_path):
    opened = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    made = [opened.backup(MemorySource((file(b"tree/%d" % number), b"x")), name="a", report=Notes())
            for number in range(2)]  # fmt: skip
    opened.forget(snapshots=[made[1].snapshot.id])

    listed = read(place, "list").stdout.splitlines()
    ended = read(place, "restore", "latest", tmp_path / "out")
    named = read(place, "restore", made[1].snapshot.id, tmp_path / "named")

    assert [line.endswith("(forgotten)") for line in listed] == [True, False]
    assert (ended.returncode, named.returncode) == (0, 0)
    assert [path.name for path in (tmp_path / "out" / "tree").iterdir()] == ["0"]


def test_a_vault_with_private_boundaries_is_read_and_one_of_the_future_refused(read, tmp_path):
    wrap = Passphrase(PASSPHRASE)
    opened = Vault.create(LocalStorage(tmp_path / "a"), wrap=wrap, private_boundaries=True)
    opened.backup(MemorySource((file(b"tree/a"), os.urandom(900_000))), name="a", report=Notes())

    known = read(tmp_path / "a", "verify")
    for name in ("config", "config-copy"):
        path = tmp_path / "a" / name
        document = documents.decode(name, path.read_bytes())
        path.write_bytes(documents.encode({**document, "features": ["holograms"]}))
    future = read(tmp_path / "a", "verify")

    assert (known.returncode, known.stderr) == (0, "")
    assert future.returncode == 10
    assert "later release" in future.stderr


def test_a_snapshot_that_is_damaged_is_named_and_the_others_are_listed(place, read):
    opened = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    source = MemorySource((file(b"tree/a"), b"x"))
    made = [opened.backup(source, name=name, report=Notes()) for name in ("one", "two")]
    ids = [one.snapshot.id for one in made]
    (place / "snapshots" / ids[0]).write_bytes(b"LGV")

    ended = read(place, "list")

    assert ended.returncode == 0
    assert ids[1] in ended.stdout
    assert f"snapshots/{ids[0]}" in ended.stderr
