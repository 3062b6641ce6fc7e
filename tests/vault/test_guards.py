"""Guards of the design that nothing else would miss if they were gone."""

from __future__ import annotations

import io
import tracemalloc
from dataclasses import replace

import pytest
import zstandard

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.test_invariants import Recorder, delete_condemned, make
from tests.vault.trees import contents
from webapp.items import EntryKind
from webapp.vault import Damaged, Vault, catalogues, frames
from webapp.vault.sealing import ZSTD, Head
from webapp.vault.snapshots import PENDING
from webapp.vault.storage.memory import MemoryStorage

CONTENT = {b"tree/a": b"a" * 400, b"tree/b": b"b" * 400}


def source() -> MemorySource:
    return MemorySource(folder(b"tree"), *((file(path), data) for path, data in CONTENT.items()))


def test_another_chunker_voids_the_parent(vault):
    vault.backup(source(), name="site", report=Notes())
    unchanged = source()
    vault.backup(unchanged, name="site", report=Notes())
    assert unchanged.opened == []
    config = replace(vault._engine.config, chunkers=("media-2", "fine-1"))
    again = source()

    Vault(replace(vault._engine, config=config)).backup(again, name="site", report=Notes())

    assert again.opened == list(CONTENT)


def test_another_key_makes_another_vault_with_no_parent(vault):
    vault.backup(source(), name="site", report=Notes())
    other, first = Vault.create(MemoryStorage(), wrap=KEY), source()

    snapshot = other.backup(first, name="site", report=Notes()).snapshot

    assert (snapshot.parent, first.opened) == ("", list(CONTENT))
    assert other.vault_id != vault.vault_id


def test_a_chunk_that_is_not_what_its_id_says_is_never_given_out(vault, monkeypatch):
    """The index leads to a sound segment, and to the wrong chunk of it, of the same length."""
    snapshot = vault.backup(source(), name="site", report=Notes()).snapshot
    refs = {
        entry.path: entry.chunks[0]
        for entry in vault.entries(snapshot)
        if entry.kind is EntryKind.FILE
    }
    stock, chunks = vault._engine.stock, vault._engine.chunks
    other = stock.locate(refs[b"tree/b"][:32])
    assert chunks.data(refs[b"tree/b"]) == CONTENT[b"tree/b"]
    monkeypatch.setattr(stock, "locate", lambda identity: other)
    monkeypatch.setattr(stock, "places", lambda identity: [other])

    with pytest.raises(Damaged, match="not what its id says"):
        chunks.data(refs[b"tree/a"])


def test_a_frame_that_holds_more_than_its_head_says_takes_no_memory():
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(64 << 20))

    tracemalloc.start()
    with pytest.raises(Damaged, match="length"):
        frames.decode(Head(ZSTD, 0, 10, len(bomb)), bomb, where="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1 << 20


def test_a_prune_locks_anew_what_is_needed_and_not_what_it_condemned(monkeypatch):
    asked: list[str] = []

    class Locking(MemoryStorage):
        def extend_retention(self, names, now_ns):
            asked.extend(names)
            return len(asked)

    storage = Locking()
    vault = Vault.create(storage, wrap=KEY)
    old = vault.backup(source(), name="site", report=Notes()).snapshot
    kept = vault.backup(
        MemorySource(folder(b"tree"), (file(b"tree/c"), b"c" * 5000)), name="site", report=Notes()
    ).snapshot
    vault.forget(snapshots=[old.id])

    vault.prune(undo_days=0, trust_clock=True, may_condemn_most=True, least_live=1.0)

    condemned = {f"packs/{name}" for name in vault._engine.stock.condemned}
    every = {name for name in storage.objects if name.startswith("packs/")}
    assert condemned
    assert {name for name in asked if name.startswith("packs/")} == every - condemned
    assert {"config", "config-copy", f"snapshots/{kept.id}"} < set(asked)
    assert contents(vault, kept)[b"tree/c"] == b"c" * 5000


def test_a_prune_sweeps_away_what_killed_uploads_left():
    swept: list[int] = []

    class Littered(MemoryStorage):
        def sweep(self, now_ns):
            swept.append(now_ns)
            return 1

    storage = Littered(now_ns=lambda: 5 * 10**18)
    vault = Vault.create(storage, wrap=KEY)

    vault.prune(dry_run=True)
    assert swept == []
    vault.prune()

    assert swept == [5 * 10**18]


def test_what_others_store_meanwhile_is_looked_at_again_when_it_was_relied_on(notes):
    """A pack comes from another writer, is seen while we write, and is condemned before we end."""
    storage, data, theirs = Recorder(), b"shared " * 60_000, set()
    vault = make(storage)

    def open_first():
        items = [(file(b"tree/other"), data)]
        other = Vault.open(storage, wrap=KEY)
        other.backup(MemorySource(folder(b"tree"), *items), name="other", report=Notes())
        theirs.update(name for name in storage.objects if name.startswith("packs/"))
        vault._engine.stock.refresh()
        return io.BytesIO(b"first")

    first = (file(b"tree/1", size=5), open_first)
    second = (file(b"tree/2", size=len(data)), lambda: io.BytesIO(data))

    def condemn(name):
        if name.startswith(PENDING) and theirs and not any(storage.list("condemned/")):
            names = [name.partition("/")[2] for name in theirs]
            catalogues.condemn(vault._engine, names, at_ns=1)

    storage.before_put = condemn
    result = vault.backup(MemorySource(folder(b"tree"), first, second), name="site", report=notes)

    assert theirs
    delete_condemned(storage, sorted(theirs))
    found = contents(Vault.open(storage, wrap=KEY), result.snapshot)
    assert (found[b"tree/1"], found[b"tree/2"]) == (b"first", data)
