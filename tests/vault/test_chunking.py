"""Where files are cut. Other cuts would store everything again, so they are pinned."""

from __future__ import annotations

import random

import pytest

from webapp.vault import chunking
from webapp.vault.chunking import (
    FINE,
    KIB,
    MEDIA,
    WINDOW_BYTES,
    boundary_table,
    cuts,
    profile_of,
)

# Lengths of the chunks of random.Random(1).randbytes(200_000) and (10_000_000).
GOLDEN = {
    "fine-1": [19070, 13988, 15790, 5091, 6125, 14223, 40896, 7447, 15929, 29000, 22230, 10211],
    "media-1": [
        1267775,
        1137393,
        1042551,
        778567,
        574691,
        974501,
        716051,
        885698,
        778570,
        1725440,
        118763,
    ],
}
SAMPLES = {"fine-1": 200_000, "media-1": 10_000_000}
PROFILES = {"fine-1": FINE, "media-1": MEDIA}


def lengths(data: bytes, profile: chunking.Profile) -> list[int]:
    return [end - start for start, end in cuts(data, profile, at_end=True)]


@pytest.mark.parametrize("name", GOLDEN)
def test_cuts_are_where_they_always_were(name):
    data = random.Random(1).randbytes(SAMPLES[name])

    assert lengths(data, PROFILES[name]) == GOLDEN[name]


def test_the_slow_form_cuts_where_the_fast_one_does():
    from fastcdc.fastcdc_py import fastcdc_py

    data = random.Random(1).randbytes(200_000)
    slow = fastcdc_py(data, FINE.smallest, FINE.average, FINE.largest)

    assert [chunk.length for chunk in slow] == GOLDEN["fine-1"]


@pytest.mark.parametrize("size", [1, 4 * KIB - 1, 4 * KIB])
def test_a_file_below_the_minimum_is_one_chunk(size):
    assert lengths(b"x" * size, FINE) == [size]


def test_an_empty_file_has_no_chunks():
    assert lengths(b"", FINE) == []


def test_a_window_gives_the_same_cuts_as_the_whole():
    data = random.Random(2).randbytes(2_000_000)
    found, at = [], 0
    while at < len(data):
        window = data[at : at + 300_000]
        last = at + len(window) == len(data)
        taken = [end - start for start, end in cuts(window, FINE, at_end=last)]
        found += taken
        at += sum(taken)

    assert found == lengths(data, FINE)


def test_an_insertion_moves_few_cuts():
    data = random.Random(3).randbytes(3_000_000)
    changed = data[:1_000_000] + b"inserted" + data[1_000_000:]

    before, after = set(lengths(data, FINE)), lengths(changed, FINE)

    assert sum(length not in before for length in after) <= 3


@pytest.mark.parametrize(("path", "profile"), [(b"db/shop", FINE), (b"tree/db/x", MEDIA)])
def test_databases_are_cut_finely(path, profile):
    assert profile_of(path) is profile


def test_every_chunk_of_a_profile_fits_the_window():
    assert all(2 * profile.largest <= WINDOW_BYTES for profile in PROFILES.values())


def test_a_secret_order_of_bytes_is_pinned_and_a_permutation():
    table = boundary_table(b"k" * 32)

    assert sorted(table) == list(range(256))
    assert table[:8].hex() == "9d267e004857d44c"
    cut = lengths(random.Random(1).randbytes(100_000), profile_of(b"db/x", table))
    assert cut == [8141, 12928, 14023, 10371, 11359, 15055, 19903, 8220]


@pytest.mark.parametrize("path", [b"db/shop", b"tree/video"])
def test_cuts_by_different_tables_differ_and_keep_within_bounds(path):
    data = random.Random(2).randbytes(8 << 20)
    tables = [b"", boundary_table(b"a" * 32), boundary_table(b"b" * 32)]
    found = [lengths(data, profile_of(path, table)) for table in tables]

    assert len({tuple(one) for one in found}) == 3
    for one in found:
        assert sum(one) == len(data)
        assert max(one) <= profile_of(path).largest
        assert min(one[:-1]) >= profile_of(path).smallest
