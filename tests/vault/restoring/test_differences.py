"""Only what differs is written, and a dry run says what that is."""

from __future__ import annotations

import os

import pytest

from tests.connectors.children import needs_root
from tests.hosts.conftest import holdings
from tests.vault.restoring.conftest import LONG_AGO, capture, restore
from tests.vault.sources import LONG_AGO as OLD
from tests.vault.sources import MemorySource, Notes, file, folder


@pytest.fixture
def there(vault, snapshot, target):
    """The target, restored once."""
    restore(vault, snapshot, target)
    return target


def identities(folder) -> dict[str, tuple[int, int]]:
    """Inode and time of the last change of anything about it."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        if not path.is_dir() or path.is_symlink():
            found[str(path.relative_to(folder))] = (status.st_ino, status.st_ctime_ns)
    return found


def damage(folder) -> None:
    """Something of each sort."""
    (folder / "a" / "small-3").write_bytes(b"other")
    (folder / "a" / "small-4").unlink()
    (folder / "a" / "small-6").chmod(0o600)
    (folder / "a" / "small-7").touch()
    (folder / "link").unlink()
    (folder / "link").symlink_to("elsewhere")
    (folder / "fifo").unlink()
    (folder / "fifo").touch()
    (folder / "second-name").unlink()
    (folder / "second-name").write_bytes((folder / "a" / "small-2").read_bytes())
    os.utime(folder / "second-name", ns=(LONG_AGO, (folder / "a" / "small-2").stat().st_mtime_ns))
    (folder / "empty-folder").rmdir()
    (folder / "large").unlink()
    (folder / "new").write_text("not in the snapshot")


def test_nothing_is_touched_where_nothing_differs(vault, snapshot, there):
    before = identities(there)

    result, steps = restore(vault, snapshot, there)

    assert identities(there) == before
    assert set(steps.values()) == {"leave"}
    assert (result.created, result.updated, result.bytes_written) == (0, 0, 0)
    assert result.bytes_fetched == 0


def test_what_differs_is_put_right_and_the_rest_stays_the_same_files(vault, site, snapshot, there):
    before = identities(there)
    damage(there)

    result, steps = restore(vault, snapshot, there)

    whole = holdings(there)
    assert whole.pop(b"new")[-1] == b"not in the snapshot"
    expected = holdings(site)
    assert whole.pop(b"")[:3] == expected.pop(b"")[:3]  # its time is that of the change
    assert whole == expected
    same = {name for name, found in identities(there).items() if before.get(name) == found}
    assert {f"a/small-{number}" for number in (1, 5, 8, 9)} <= same
    assert identities(there)["a/small-7"][0] == before["a/small-7"][0]  # only its time was set
    assert steps[b"tree/a/small-7"] == "mend"
    assert result.problems == ()


def test_a_dry_run_says_exactly_what_the_restore_does_and_changes_nothing(vault, snapshot, there):
    damage(there)
    before, times = holdings(there), identities(there)

    planned, said = restore(vault, snapshot, there, dry_run=True)
    untouched = holdings(there) == before and identities(there) == times
    result, done = restore(vault, snapshot, there)

    assert untouched
    assert said == done
    counts = ("created", "updated", "unchanged", "blocked", "bytes_written")
    assert [getattr(planned, name) for name in counts] == [getattr(result, name) for name in counts]


def test_a_dry_run_into_nothing_makes_nothing(vault, snapshot, target):
    planned, said = restore(vault, snapshot, target, dry_run=True)

    assert not target.exists()
    result, done = restore(vault, snapshot, target)
    assert said == done
    assert planned.created == result.created


def test_content_changed_behind_an_old_time_is_found_by_reading(vault, target):
    source = MemorySource(folder(b"tree"), (file(b"tree/file", uid=0), b"right"))
    snapshot = vault.backup(source, name="site", report=Notes()).snapshot
    restore(vault, snapshot, target)
    (target / "file").write_bytes(b"wrong")
    os.utime(target / "file", ns=(OLD, OLD))

    quick, _ = restore(vault, snapshot, target)
    left = (target / "file").read_bytes()
    thorough, _ = restore(vault, snapshot, target, by_content=True, paranoid=True)

    assert (quick.updated, left) == (0, b"wrong")
    assert (thorough.updated, (target / "file").read_bytes()) == (1, b"right")


def test_a_file_that_changed_while_it_was_captured_is_told_by_its_content(
    vault, site, snapshot, there
):
    path, status = there / "a" / "small-9", (there / "a" / "small-9").stat()
    path.write_bytes(os.urandom(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert vault.find(snapshot, b"tree/a/small-9").unsure
    restore(vault, snapshot, there)

    assert path.read_bytes() == (site / "a" / "small-9").read_bytes()


@needs_root
def test_a_file_with_a_second_name_elsewhere_is_replaced_and_not_changed(
    vault, snapshot, there, tmp_path
):
    (tmp_path / "elsewhere").write_bytes((there / "private").read_bytes())
    times = (LONG_AGO, (there / "private").stat().st_mtime_ns)
    (there / "private").unlink()
    os.utime(tmp_path / "elsewhere", ns=times)
    os.link(tmp_path / "elsewhere", there / "private")
    (tmp_path / "elsewhere").chmod(0o640)

    restore(vault, snapshot, there)

    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o640
    assert (there / "private").stat().st_mode & 0o777 == 0o400
    assert not (there / "private").samefile(tmp_path / "elsewhere")


def test_a_folder_and_another_thing_in_each_others_place_are_named(vault, tmp_path, target):
    site = tmp_path / "site"
    (site / "folder" / "deep").mkdir(parents=True)
    (site / "folder" / "deep" / "file").touch()
    (site / "file").write_text("x")
    (site / "last").touch()
    snapshot = capture(vault, site)
    (target / "file" / "mine").mkdir(parents=True)
    (target / "folder").write_text("mine")

    result, _ = restore(vault, snapshot, target)

    assert {one.path: one.message for one in result.problems} == {
        b"tree/file": "There is a folder where the snapshot has a file.",
        b"tree/folder": "There is a file where the snapshot has a folder.",
        b"tree/folder/deep": "The folder it lies in cannot be restored.",
        b"tree/folder/deep/file": "The folder it lies in cannot be restored.",
    }
    assert (target / "folder").read_text() == "mine"
    assert (target / "file" / "mine").is_dir()
    assert (target / "last").exists()
