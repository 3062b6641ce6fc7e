"""Parsers of stored bytes. What they read is authentic, yet a faulty writer may have made it: they
say so, and neither crash, nor loop, nor allocate what a length field asks for."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vault.sources import file
from webapp.vault import catalogues, documents, frames, manifests, packs, rows, snapshots
from webapp.vault.checks import coverage
from webapp.vault.errors import Damaged
from webapp.vault.sealing import RAW, ZSTD, Head

ROW = rows.make_row(
    rows.pack_facts(file(b"tree/a", user="u", xattrs=((b"user.a", b"1"),))),
    rows.Content(b"d" * 32, 0, ((4096, 4096),), (b"r" * 36, b"s" * 36)).pack(),
)
CHUNK = struct.pack("<III", 2, len(ROW), 2 * len(ROW)) + ROW * 2
PARTS = manifests.pack_parts([manifests.Part(b"r" * 36, 2, b"tree/a")] * 2)
CATALOGUE = struct.pack("<I4I4I", 2, 72, 99, 50, 1, 171, 99, 50, 2) + b"i" * 96
SEGMENT = packs.build_segment([b"one", b"three"])
INFOS = catalogues.pack_infos(
    [packs.PackInfo(name="ab" * 32, salt=b"s" * 32, kind=b"D", size_bytes=1, catalogue=CATALOGUE)]
)
TIMES = coverage.pack_times({"ab" * 32: 5, "cd" * 32: 7})
PARSERS = {
    "row": (rows.unpack_row, ROW),
    "rows": (lambda data: manifests.split_rows(data, where="x"), CHUNK),
    "parts": (lambda data: manifests.unpack_parts(data, where="x"), PARTS),
    "catalogue": (lambda data: packs.read_catalogue(data, where="x"), CATALOGUE),
    "segment": (lambda data: packs.split_segment(data, where="x"), SEGMENT),
    "times": (lambda data: list(coverage.unpack_times(data, where="x")), TIMES),
    "infos": (lambda data: list(catalogues.unpack_infos(data, where="x")), INFOS),
    "document": (lambda data: documents.decode("x", data), documents.encode({"a": 1})),
    "root": (lambda data: snapshots._parse(data, "snapshots/a"), b'{"id":"a","counts":{}}'),
}


@pytest.mark.parametrize("name", [name for name in PARSERS if name != "root"])
def test_a_parser_reads_what_was_written(name):
    parse, sound = PARSERS[name]

    assert parse(sound) is not None


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(PARSERS)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_a_parser_refuses_what_is_not_sound(name, changes, cut):
    parse, sound = PARSERS[name]
    data = bytearray(sound)
    for at, value in changes:
        data[at % len(data)] = value
    data = bytes(data[: cut if cut else None])

    with contextlib.suppress(Damaged):
        parse(data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PARSERS)), st.integers(0, 1 << 32), st.binary(max_size=400))
def test_a_parser_takes_memory_for_what_is_there_not_for_what_is_claimed(name, count, rest):
    data = (count % (1 << 32)).to_bytes(4, "little") + rest
    tracemalloc.start()
    try:
        with contextlib.suppress(Damaged):
            PARSERS[name][0](data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1 << 20


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=200))
def test_a_parser_refuses_noise(name, noise):
    with contextlib.suppress(Damaged):
        PARSERS[name][0](noise)


@pytest.mark.parametrize("at", [36, 40], ids=["holes", "references"])
def test_a_content_part_that_claims_billions_is_refused_at_once(at):
    _, content = rows.split_row(ROW)
    absurd = content[:at] + b"\xff" * 4 + content[at + 4 :]

    with pytest.raises(Damaged):
        rows.unpack_content(absurd)


@pytest.mark.parametrize(
    ("head", "frame"),
    [
        (Head(ZSTD, 0, 10, 0), zstandard.ZstdCompressor().compress(b"x" * 1_000_000)),
        (Head(ZSTD, 0, 10, 0), b"no zstd frame"),
        (Head(RAW, 0, 10, 0), b"short"),
        (Head(7, 0, 10, 0), b"0123456789"),
    ],
    ids=["bomb", "no frame", "wrong length", "unknown codec"],
)
def test_a_frame_gives_what_its_head_says_or_nothing(head, frame):
    with pytest.raises(Damaged):
        frames.decode(head, frame, where="x")


@pytest.mark.parametrize("raw", [b"", b"x", b"ab" * 200_000, bytes(range(256)) * 2000])
def test_frames_come_back(raw):
    codec, frame = frames.encode(raw)

    assert frames.decode(Head(codec, 0, len(raw), len(frame)), frame, where="x") == raw
    assert len(frame) <= len(raw)
