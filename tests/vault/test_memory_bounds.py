"""What a backup holds in memory does not grow with what it reads."""

from __future__ import annotations

import os
import threading

import pytest

from webapp.items import Tally
from webapp.vault import pipeline as pipeline_module
from webapp.vault.chunk_store import ChunkStore
from webapp.vault.index_writer import IndexWriter
from webapp.vault.packs import DATA, MANIFEST, PackDraft, build_segment
from webapp.vault.pipeline import Pipeline, Segment
from webapp.vault.sealing import RAW, Head


@pytest.fixture
def engine(vault):
    vault._engine.stock.refresh()
    return vault._engine


@pytest.fixture
def open_pipeline(engine):
    def start():
        return Pipeline(engine.ring, IndexWriter(engine, Tally()).store, salts=engine.salt)

    return start


def make_pack(engine, ids):
    draft = PackDraft(ring=engine.ring, kind=DATA, salt=os.urandom(32))
    raw = build_segment([b"x"] * len(ids))
    head = Head(RAW, 0, len(raw), len(raw))
    counter, record = draft.reserve(head, ids)
    draft.key.seal_into(record, counter, head, frame=raw)
    return draft.finish()


def test_chunks_that_are_stored_are_not_remembered_twice(engine, open_pipeline):
    ring, stored = engine.ring, threading.Event()
    keys = {"data_key": ring.data_ids, "manifest_key": ring.manifest_ids}
    store = ChunkStore(engine.stock, start=open_pipeline, waiting=lambda: None, **keys)
    ids, other = [os.urandom(32) for _ in range(100)], os.urandom(32)

    assert store.claim(b"".join(ids)) == b"\x01" * 100
    assert store.claim(b"".join(ids)) == bytes(100)
    store.add_pack(*make_pack(engine, ids), stored.set)
    assert stored.wait(60)

    assert store.claim(other) == b"\x01"
    assert store._fresh == {other}
    assert store.claim(b"".join(ids) + other) == bytes(101)
    store.finish()


def test_packs_of_manifests_are_full_early_and_their_memory_is_used_again(
    engine, open_pipeline, monkeypatch
):
    made, real = [], pipeline_module.new_buffer

    def new_buffer(*given):
        made.append(len(real(*given)))
        return real(*given)

    monkeypatch.setattr(pipeline_module, "new_buffer", new_buffer)
    pipeline = open_pipeline()
    for _ in range(30):
        raw = build_segment([os.urandom(1 << 20)])
        pipeline.add(Segment(MANIFEST, [os.urandom(32)], raw), lambda: None)
    pipeline.finish(lambda: None)

    sizes = [info.size_bytes for info in engine.stock.packs()]
    assert max(sizes) <= 5 << 20
    assert len(sizes) == 10  # a mebibyte and its seal: three in each
    assert max(made) <= 5 << 20
    assert sum(made) <= 40 << 20
