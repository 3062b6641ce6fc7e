"""Targets that take two names for one, that are full, or that cannot be used at all."""

from __future__ import annotations

import errno
import os
import random
import subprocess

import pytest

from tests.connectors.children import as_nobody, needs_root, on_small_disk
from tests.hosts.conftest import holdings
from tests.vault.restoring.conftest import capture, half_files, reopened, restore
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.errors import ConnectorError
from webapp.hosts.folding import Folding
from webapp.hosts.restoring.target import FolderTarget

NAMES = [
    b"tree/README",
    b"tree/readme",
    b"tree/sub/Stra\xc3\x9fe",
    b"tree/sub/STRASSE",
    "tree/sub/caf\u00e9".encode(),
    "tree/sub/cafe\u0301".encode(),
    b"tree/z",
]


@pytest.fixture
def colliding(vault):
    source = MemorySource(
        folder(b"tree"), folder(b"tree/sub"), *[(file(name), name) for name in NAMES]
    )
    return vault.backup(source, name="site", report=Notes()).snapshot


def told(vault, snapshot, target, fold, **more):
    """What was told in which order, and the result."""
    steps = []
    with FolderTarget(target, section=b"tree", fold=fold) as opened:
        result = vault.restore(
            snapshot, opened, on_item=lambda path, step, _: steps.append((path, step)), **more
        )
    return steps, result


@pytest.mark.parametrize(
    ("folding", "blocked"),
    [
        (Folding.NONE, []),
        (Folding.CASE, [NAMES[1], NAMES[2]]),
        (Folding.CASE_AND_FORM, [NAMES[1], NAMES[2], NAMES[4]]),
    ],
    ids=["none", "case", "case and form"],
)
def test_names_that_collide_are_told_before_anything_else(
    vault, colliding, target, folding, blocked
):
    steps, result = told(vault, colliding, target, lambda _: folding)

    first = [path for path, step in steps[: len(blocked)] if step == "blocked"]
    assert first == blocked
    assert [path for path, step in steps if step == "blocked"] == blocked
    assert result.blocked == len(blocked)
    assert all(one.code == "name_collides" for one in result.problems)
    there = {b"tree/" + path for path, what in holdings(target).items() if what[-1] and path}
    assert set(NAMES) - there - {b"tree/sub"} == set(blocked)


def test_a_name_that_the_target_has_in_another_form_is_not_overwritten(vault, colliding, target):
    target.mkdir()
    (target / "readme").write_text("mine")

    _, result = told(vault, colliding, target, lambda _: Folding.CASE)

    assert (target / "readme").read_text() == "tree/readme"  # this one is meant
    assert not (target / "README").exists()
    messages = {one.path: one.message for one in result.problems}
    assert messages[b"tree/README"] == "The target takes its name and readme for one and the same."


def test_a_folder_that_folds_deep_in_a_target_is_found_before_anything_is_written(
    vault, colliding, target
):
    (target / "sub").mkdir(parents=True)

    def fold(descriptor):
        return Folding.CASE if os.fstat(descriptor).st_ino == inode else Folding.NONE

    inode = (target / "sub").stat().st_ino
    steps, _ = told(vault, colliding, target, fold)

    assert steps[0] == (NAMES[2], "blocked")


@needs_root
@pytest.mark.parametrize("is_dry", [False, True])
def test_a_mounted_folder_that_folds_and_does_not_say_so_is_found_out(
    vault, colliding, tmp_path, is_dry
):
    """FUSE tells no type by which to know it: Docker's and rclone's folders are such."""
    behind, place, cache = tmp_path / "behind", tmp_path / "mounted", tmp_path / "cache"
    behind.mkdir()
    place.mkdir()
    options = ["--vfs-case-insensitive", "--vfs-cache-mode", "full", "--cache-dir", str(cache)]
    mount = ["rclone", "mount", str(behind), str(place), "--config", "/dev/null", "--daemon"]
    try:
        subprocess.run([*mount, *options], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED: rclone cannot mount a folder that folds names here: {error}")
    try:
        (place / "Target").mkdir()
        _, steps = restore(vault, colliding, place / "Target", dry_run=is_dry)
        names = os.listdir(place / "Target")
    finally:
        subprocess.run(["umount", str(place)], check=True)

    assert steps[b"tree/readme"] == steps[b"tree/sub/Stra\xc3\x9fe"] == "blocked"
    assert steps[b"tree/README"] == "create"
    assert [name for name in names if name.lower() == "readme"] == ([] if is_dry else ["README"])


@needs_root
@pytest.mark.parametrize("sort", ["vfat", "ext4"])
def test_a_real_file_system_that_folds_is_recognised(vault, colliding, tmp_path, sort):
    image, place = tmp_path / "image", tmp_path / "mounted"
    place.mkdir()
    with image.open("wb") as made:
        made.truncate(40 << 20)
    make = {
        "vfat": ["mkfs.vfat", str(image)],
        "ext4": ["mkfs.ext4", "-q", "-O", "casefold", "-E", "encoding=utf8", str(image)],
    }[sort]
    options = {"vfat": ["-o", "loop,iocharset=utf8"], "ext4": ["-o", "loop"]}[sort]
    try:
        subprocess.run(make, check=True, capture_output=True)
        subprocess.run(
            ["mount", "-t", sort, *options, str(image), str(place)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED: no {sort} that folds names can be mounted here: {error}")
    try:
        target = place / "target"
        target.mkdir()
        if sort == "ext4":
            subprocess.run(["chattr", "+F", str(target)], check=True)
        _, steps = restore(vault, colliding, target)
        names = os.listdir(target)
    finally:
        subprocess.run(["umount", str(place)], check=True)

    assert steps[b"tree/readme"] == "blocked"
    assert "README" in names
    assert len([name for name in names if name.lower() == "readme"]) == 1


@needs_root
def test_a_full_target_is_said_in_a_sentence_and_nothing_half_is_left(storage, vault, tmp_path):
    site, place = tmp_path / "site", tmp_path / "small"
    site.mkdir()
    place.mkdir()
    draw = random.Random(9)
    for number in range(30):
        (site / f"{number:02}").write_bytes(draw.randbytes(200_000 + number * 20_000))
    snapshot = capture(vault, site)

    def restored():
        try:
            restore(reopened(storage), snapshot, place / "target")
        except ConnectorError as error:
            there = {path.name: path.read_bytes() for path in (place / "target").glob("[!.]*")}
            return error.code, str(error), half_files(place), there
        return None

    code, words, left, there = on_small_disk(restored, place, size="3m")

    assert code == "disk_full"
    assert words.startswith("There is no space left in the target folder.")
    assert left == []
    assert 0 < len(there) < 30
    assert all(data == (site / name).read_bytes() for name, data in there.items())


def test_what_one_item_suffers_is_its_own_and_the_rest_goes_on(
    vault, site, snapshot, target, monkeypatch
):
    make = os.symlink

    def refusing(to, name, **more):
        if os.fsencode(to) == b"/nowhere/at/all":
            raise OSError(errno.EPERM, "no")
        make(to, name, **more)

    monkeypatch.setattr(os, "symlink", refusing)

    result, _ = restore(vault, snapshot, target)

    assert [(one.path, one.outcome, one.code) for one in result.problems] == [
        (b"tree/dangling", "failed", "not_allowed")
    ]
    whole = holdings(site)
    del whole[b"dangling"]
    assert holdings(target) == whole


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda place: place.write_text("x"), "not_a_folder"),
        (lambda place: place.symlink_to(place), "not_a_folder"),
        (lambda place: place.symlink_to("/proc/version"), "not_a_folder"),
    ],
    ids=["a file", "a circle", "a link to a file"],
)
def test_a_target_that_is_no_folder_is_refused(vault, snapshot, target, make, code):
    make(target)

    with pytest.raises(ConnectorError) as refused:
        restore(vault, snapshot, target)

    assert refused.value.code == code
    assert str(refused.value).startswith(str(target)) or code == "not_a_folder"


def test_a_link_to_a_folder_is_a_target_like_that_folder(vault, site, snapshot, target, tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    target.symlink_to(real)

    restore(vault, snapshot, target)

    assert (real / "a" / "small-1").exists()


@needs_root
def test_a_target_that_may_not_be_written_is_refused(storage, vault, snapshot, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o111)

    def restored():
        try:
            restore(reopened(storage), snapshot, closed / "target")
        except ConnectorError as error:
            return error.code, str(error)
        return None

    code, words = as_nobody(restored)

    assert code == "not_allowed"
    assert words == f"{closed}/target may not be written by you."
