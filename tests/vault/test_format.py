"""Invariant 7 and docs/vault-format.md: the sample vault of each format version is read for ever,
by the engine and by a second reader that knows only the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vault.plain_reader import Reader
from tests.vault.sources import FolderSource, Notes
from tests.vault.trees import contents
from webapp.items import EntryKind
from webapp.vault import ConsoleKey, LocalStorage, Passphrase, Vault

SAMPLES = Path(__file__).parent / "vectors"
CONSOLE = ConsoleKey("sample", bytes(range(32)))
PHRASE = Passphrase("correct horse battery staple")
SNAPSHOT = "af3e61d97902a2d59f7da378da8bb244"
LINES = b"".join(b"%06d a line of a dump\n" % number for number in range(20_000))
FILES = {
    b"config/site.conf": b"debug = false\n",
    b"db/shop": LINES,
    b"tree/empty": b"",
    b"tree/images/n\xff\n.txt": b"not a text name",
    b"tree/index.html": b"<h1>hello</h1>\n",
    b"tree/same.html": b"<h1>hello</h1>\n",
    b"tree/sparse": bytes(1 << 20) + b"end" + bytes(5000),
}


@pytest.mark.parametrize("wrap", [CONSOLE, PHRASE], ids=["console", "passphrase"])
def test_invariant_7_the_engine_reads_format_1(wrap):
    vault = Vault.open(LocalStorage(SAMPLES / "format-1"), wrap=wrap)

    assert [one.id for one in vault.snapshots()] == [SNAPSHOT]
    assert contents(vault, SNAPSHOT) == FILES
    assert vault.find(SNAPSHOT, b"tree/same.html").hardlink == b"tree/index.html"
    assert vault.find(SNAPSHOT, b"tree/sparse").holes[0] == (0, 1 << 20)
    assert vault.find(SNAPSHOT, b"tree/index.html").xattrs == ((b"user.colour", b"green"),)
    assert vault.find(SNAPSHOT, b"db/shop").chunks[0] == b"list"
    assert vault.verify(read_data=1.0, remember=False).ok


@pytest.mark.parametrize(
    "key", [{"console": CONSOLE.key}, {"passphrase": PHRASE.text}], ids=["console", "passphrase"]
)
def test_the_document_is_enough_to_read_a_vault(key):
    facts, rows = Reader(SAMPLES / "format-1", **key).root_of(SNAPSHOT)

    assert {row["path"]: row["content"] for row in rows if row["kind"] == 1} == FILES
    assert [row["target"] for row in rows if row["kind"] == 3] == [b"index.html"]
    assert facts["name"] == "site"
    assert facts["metadata"]["facts"] == {"db:shop": {"engine": "sqlite"}}


def test_the_second_reader_reads_what_the_engine_writes_today(tmp_path):
    site = tmp_path / "site"
    (site / "deep" / "er").mkdir(parents=True)
    for number in range(50):
        (site / "deep" / "er" / f"{number}.txt").write_bytes(LINES[number * 1000 :])
    vault = Vault.create(LocalStorage(tmp_path / "vault"), wrap=CONSOLE)
    snapshot = vault.backup(FolderSource(site), name="site", report=Notes()).snapshot

    facts, rows = Reader(tmp_path / "vault", console=CONSOLE.key).root_of(snapshot.id)

    assert facts["counts"] == snapshot.counts
    found = {row["path"]: row["content"] for row in rows if row["kind"] == 1}
    assert found == contents(vault, snapshot)
    kinds = {1: EntryKind.FILE, 2: EntryKind.FOLDER}
    assert [kinds[row["kind"]] for row in rows] == [one.kind for one in vault.entries(snapshot)]


def test_a_pack_without_its_trailer_loses_nothing():
    reader = Reader(SAMPLES / "format-1", console=CONSOLE.key)
    whole = dict(reader.chunks)
    reader.chunks.clear()

    for path in (SAMPLES / "format-1" / "packs").iterdir():
        kind = path.read_bytes()[4:5]
        for content in reader.segments_without_trailer(path):
            reader.take_segment(content, kind)

    assert reader.chunks == whole
