"""Plain files go a short way into the vault. They arrive as by the long one, and as safely."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.connectors.children import NOBODY, as_nobody, needs_root
from tests.connectors.fakes import Recorder, around
from webapp.connectors import registry
from webapp.hosts import facts, sight
from webapp.vault import CountedReport, Passphrase, Vault
from webapp.vault.hooks import Hooks
from webapp.vault.matching import Match
from webapp.vault.storage.local import LocalStorage
from webapp.vault.storage.memory import MemoryStorage

LATER_NS = 3_600_000_000_000
WRAP = Passphrase("x" * 20)


@pytest.fixture
def vault():
    """A vault whose clock is ahead, so that no file is too young."""
    hooks = Hooks(time_ns=lambda: os.stat("/proc/self").st_mtime_ns + LATER_NS)
    with closing(Vault.create(MemoryStorage(), wrap=WRAP, hooks=hooks)) as made:
        yield made


class LongWay:
    """The same source without its sightings."""

    def __init__(self, source):
        self.entries, self.open, self.facts = source.entries, source.open, source.facts
        self.close = source.close


class Meddling:
    """A source beside which somebody acts whenever one path has just been seen."""

    def __init__(self, source, path, act):
        self._source, self._path, self._act = source, path, act
        self.entries, self.open, self.facts = source.entries, source.open, source.facts
        self.eyes, self.close = source.eyes, source.close

    def sightings(self):
        for found in self._source.sightings():
            if isinstance(found, tuple) and found[0] == self._path:
                self._act()
            yield found


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that the short way opened."""
    names, real = [], sight.Sight.open
    monkeypatch.setattr(
        sight.Sight, "open", lambda self, at, name: names.append(name) or real(self, at, name)
    )
    return names


def source(site, report=None):
    connector = registry.connect("files", {"path": str(site)}, around(site.parent, site.parent))
    return connector.source("full", report or Recorder())


def backup(vault, given, report=None, **options):
    with closing(given):
        return vault.backup(given, name="site", report=report or Recorder(), **options)


def entries(vault, result):
    return {entry.path: entry for entry in vault.entries(result.snapshot)}


def content(vault, result, path):
    with vault.open_content(entries(vault, result)[path]) as file:
        return file.read()


def swap(path, make):
    """Let another thing take the place of *path*."""
    make(path.with_name("other"))
    path.with_name("other").rename(path)


def test_the_short_way_gives_what_the_long_one_gives(site, vault, opened):
    (site / "images" / "large").write_bytes(os.urandom(300_000))
    (site / os.fsdecode(b"caf\xe9\n")).write_bytes(b"\x00")
    os.setxattr(site / "index.html", "user.note", b"hello")
    os.link(site / "index.html", site / "same.html")
    with (site / "sparse").open("wb") as file:
        file.truncate(100_000)
    os.chown(site / "images" / "a.png", 4_000_000_000, 12)

    short = backup(vault, source(site))
    assert {b"a.png", b"empty", b"caf\xe9\n"} == set(opened)
    long = backup(vault, LongWay(source(site)), parent=None)

    assert entries(vault, short) == entries(vault, long)
    assert short.tally.files == long.tally.files == 7
    assert short.tally.new == 7
    assert short.tally.logical_bytes == long.tally.logical_bytes
    assert short.tally.read_bytes == long.tally.read_bytes
    assert long.tally.stored_bytes == 0  # not even a new manifest


def test_what_did_not_change_is_not_opened_and_keeps_its_row(site, vault, opened, monkeypatch):
    os.setxattr(site / "images" / "a.png", "user.note", b"hello")
    first = backup(vault, source(site))
    opened.clear()
    asked = []
    monkeypatch.setattr(sight, "file_xattrs", asked.append)
    monkeypatch.setattr(facts, "xattrs", lambda folder, name: asked.append(name) or ())

    again = backup(vault, source(site))

    assert opened == []
    assert b"a.png" not in asked
    assert again.tally.unchanged == again.tally.files == 3
    assert (
        entries(vault, again)[b"tree/images/a.png"] == entries(vault, first)[b"tree/images/a.png"]
    )


def test_a_changed_attribute_is_seen_by_ctime(site, vault):
    first = backup(vault, source(site))
    os.setxattr(site / "index.html", "user.note", b"hello")

    again = backup(vault, source(site))

    assert entries(vault, first)[b"tree/index.html"].xattrs == ()
    assert entries(vault, again)[b"tree/index.html"].xattrs == ((b"user.note", b"hello"),)
    assert again.tally.changed == 1


def test_a_renamed_owner_is_seen_without_reading(site, vault, opened, monkeypatch):
    backup(vault, source(site))
    opened.clear()
    monkeypatch.setattr(sight, "user_name", lambda uid: "toor")
    monkeypatch.setattr(facts, "user_name", lambda uid: "toor")

    again = backup(vault, source(site))

    assert {entry.user for entry in vault.entries(again.snapshot)} == {"toor"}
    assert opened == []
    assert again.tally.read_bytes == 0


@pytest.mark.parametrize("match", list(Match))
def test_every_way_to_compare_finds_what_changed_and_only_that(site, vault, match):
    backup(vault, source(site))
    (site / "images" / "a.png").write_bytes(b"other")

    again = backup(vault, source(site), match=match)

    assert (again.tally.unchanged, again.tally.changed) == (2, 1)
    assert content(vault, again, b"tree/images/a.png") == b"other"


def test_a_young_file_is_unsure_and_read_again(site, opened):
    with closing(Vault.create(MemoryStorage(), wrap=WRAP)) as vault:
        first = backup(vault, source(site))
        opened.clear()
        again = backup(vault, source(site))

    assert entries(vault, first)[b"tree/index.html"].unsure
    assert b"index.html" in opened
    assert again.tally.unchanged == 3


def test_a_link_in_place_of_a_file_is_not_followed(site, vault, tmp_path, report):
    secret = tmp_path / "secret"
    secret.write_text("<h1>Shop</h1>\n")  # as long as what was seen
    path = site / "index.html"
    given = Meddling(
        source(site), b"tree/index.html", lambda: swap(path, lambda new: new.symlink_to(secret))
    )

    result = backup(vault, given, report)

    assert b"tree/index.html" not in entries(vault, result)
    assert report.skips == {"tree:index.html": "vanished"}


def test_another_file_in_place_of_one_is_kept_as_it_is_and_unsure(site, vault, report):
    path = site / "index.html"
    given = Meddling(
        source(site), b"tree/index.html", lambda: swap(path, lambda new: new.write_bytes(b"x" * 14))
    )

    result = backup(vault, given, report)

    assert content(vault, result, b"tree/index.html") == b"x" * 14
    assert entries(vault, result)[b"tree/index.html"].unsure


@pytest.mark.parametrize("kind", ["fifo", "folder", "nothing"])
def test_what_is_no_file_any_more_is_reported(site, vault, report, kind):
    path = site / "empty"

    def act():
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()

    result = backup(vault, Meddling(source(site), b"tree/empty", act), report)

    assert b"tree/empty" not in entries(vault, result)
    assert report.skips == {"tree:empty": "vanished"}


@pytest.mark.parametrize("data", [b"shrunk", b"grown" * 100, b"<h2>Shop</h2>\n"])
def test_a_file_that_changes_after_it_was_seen_is_read_as_it_is(site, vault, data):
    path = site / "index.html"
    given = Meddling(source(site), b"tree/index.html", lambda: path.write_bytes(data))

    result = backup(vault, given)

    entry = entries(vault, result)[b"tree/index.html"]
    assert content(vault, result, b"tree/index.html") == data
    assert entry.size == len(data)
    assert entry.mtime_ns == path.stat().st_mtime_ns


def test_a_read_that_is_cut_short_is_not_taken_for_the_whole(site, vault, monkeypatch):
    real = os.readv
    monkeypatch.setattr(os, "readv", lambda file, views: real(file, [views[0][:3]]))

    result = backup(vault, source(site))

    assert content(vault, result, b"tree/index.html") == (site / "index.html").read_bytes()


def test_access_lists_come_back_as_they_were(site, vault):
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, rights, identity)
        for tag, rights, identity in [
            (1, 6, 0xFFFFFFFF), (2, 4, 12), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF),
            (32, 0, 0xFFFFFFFF),
        ]
    )  # fmt: skip
    try:
        os.setxattr(site / "index.html", "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system keeps no access lists")

    result = backup(vault, source(site))

    found = dict(entries(vault, result)[b"tree/index.html"].xattrs)
    assert found == {b"system.posix_acl_access": acl}


def test_no_descriptor_is_lost(site, vault):
    before = len(os.listdir("/proc/self/fd"))

    backup(vault, source(site))

    assert len(os.listdir("/proc/self/fd")) == before


@needs_root
def test_what_a_user_may_not_read_is_reported_and_the_rest_is_kept():
    place = Path(tempfile.mkdtemp(prefix="lastgood-test-"))
    os.chown(place, NOBODY, NOBODY)
    site = place / "site"
    (site / "closed").mkdir(parents=True)
    (site / "closed" / "x").touch()
    (site / "closed").chmod(0o700)
    (site / "secret").write_text("secret")
    (site / "secret").chmod(0o600)
    (site / "open").write_text("open")

    def run():
        report = Recorder()
        with closing(Vault.create(LocalStorage(place / "vault"), wrap=WRAP)) as vault:
            counted = CountedReport(report)
            result = backup(vault, source(site, counted), counted)
            return report.failures, set(entries(vault, result)), result.tally.failed

    try:
        failures, paths, failed = as_nobody(run)
    finally:
        shutil.rmtree(place)

    assert failures == {"tree:closed": "not_allowed", "tree:secret": "not_allowed"}
    assert paths == {b"tree", b"tree/closed", b"tree/open"}
    assert failed == 2
