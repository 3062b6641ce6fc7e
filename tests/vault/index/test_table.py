"""The table of chunks in memory, and the index over it."""

from __future__ import annotations

import random

import pytest

from tests.vault.index import made
from tests.vault.index.made import has_all
from webapp.vault import lumps
from webapp.vault.index import Index
from webapp.vault.index_table import FEWEST_BITS, SPARE, Table, bits_for
from webapp.vault.packs import read_catalogue


def test_an_empty_table_holds_nothing():
    index = Index()

    assert made.ids(1)[0] not in index
    assert index.locate(made.ids(1)[0]) is None
    assert list(index.rows()) == []


def test_each_chunk_is_found_where_it_lies():
    index = Index()
    chunks = made.ids(50)
    index.add(made.pack(chunks[:20], 1))
    index.add(made.pack([], 2))
    index.add(made.pack(chunks[20:], 3, per_segment=7))

    found = [index.locate(one) for one in chunks]

    assert [(int(one.pack.name, 16), one.counter, one.ordinal) for one in found] == [
        *((1, at // 3, at % 3) for at in range(20)),
        *((3, at // 7, at % 7) for at in range(30)),
    ]
    assert found[19][2:4] == (72 + 18 * 100, 200)
    assert found[19].pack.size_bytes == 65_537
    assert found[19].pack.salt == b"\1" * 32


@pytest.mark.parametrize("limit", [0, 5_000, 1 << 30], ids=["in a file", "moved", "in memory"])
def test_a_table_grows_past_its_size_and_still_finds_everything(limit, monkeypatch, tmp_path):
    monkeypatch.setattr(lumps, "LIMIT_BYTES", limit)
    index = Index(scratch=tmp_path)
    infos = made.packs(60, 50)

    for number, info in enumerate(infos):
        index.add(info)
        assert made.has_all(index, *infos[: number + 1 : 7])

    assert index.recent.bits > FEWEST_BITS
    assert made.has_all(index, *infos)
    assert not any(one in index for one in made.ids(5_000, seed=10**6))
    assert list(tmp_path.iterdir()) == []  # a temporary file has no name


@pytest.mark.parametrize("more", [1, 2, 76], ids=["to the last slot", "beyond", "far beyond"])
def test_chunks_that_crowd_at_the_end_of_the_table_make_it_grow(more):
    index = Index()
    crowd = [b"\xff\xff" + n.to_bytes(30, "little") for n in range(SPARE + more)]

    index.add(made.pack(crowd))

    assert index.recent.bits > bits_for(len(crowd))
    assert all(one in index for one in crowd)
    assert b"\xff\xff" + (9999).to_bytes(30, "little") not in index


def test_a_pack_is_taken_in_once():
    index = Index()
    (info,) = made.packs(1)
    index.add(info)
    index.add(info)

    assert len(index) == 20


@pytest.mark.parametrize("live", [1, 2])
def test_a_chunk_in_two_packs_is_found_in_the_one_that_counts(live):
    index = Index()
    (chunk,) = made.ids(1)
    for number in (1, 2):
        index.add(made.pack([*made.ids(5, seed=number), chunk], number))
    void = f"{3 - live:064x}"

    for gone in ([], [void]):
        index.pass_over([] if gone else [void], gone=gone)

        assert chunk in index
        assert int(index.locate(chunk).pack.name, 16) == live


def test_what_lies_only_in_condemned_packs_is_absent_and_can_still_be_read():
    index = Index()
    infos = made.packs(3)
    for info in infos:
        index.add(info)

    index.pass_over([infos[1].name], gone=[infos[2].name])

    assert made.has_all(index, infos[0])
    assert not any(one in index for one in made.chunks_of(*infos[1:]))
    assert all(index.locate(one).pack.name == infos[1].name for one in made.chunks_of(infos[1]))
    assert not any(index.locate(one) for one in made.chunks_of(infos[2]))


def test_what_was_passed_over_can_count_again():
    index = Index()
    (info,) = made.packs(1)
    index.add(info)
    index.pass_over([], gone=[info.name])

    index.pass_over([], gone=[])

    assert made.has_all(index, info)


def test_the_index_gives_a_catalogue_back_as_it_came():
    index = Index()
    infos = [*made.packs(4), made.pack([], 9)]
    for info in infos:
        index.add(info)

    assert [index.info(info.name) for info in infos] == infos
    assert index.info("0" * 64) is None


def test_a_table_made_large_enough_does_not_grow():
    table = Table(expected=3_000)
    bits = table.bits
    for info in made.packs(60, 50):
        table.add(info)

    assert table.bits == bits == bits_for(3_000)
    table.reserve(10_000)
    assert table.bits == bits_for(13_000)
    assert all(table.find(one) for one in made.chunks_of(*made.packs(60, 50)))


def test_more_chunks_than_fit_are_refused():
    with pytest.raises(OverflowError):
        bits_for(2**31)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_added_and_passed_over_the_index_says_what_a_dictionary_says(seed):
    draw = random.Random(seed)
    pool, index = made.ids(300, seed), Index()
    known: dict[str, list[bytes]] = {}
    for step in range(1, 60):
        info = made.pack(draw.sample(pool, draw.randrange(12)), step, per_segment=2)
        index.add(info)
        known[info.name] = made.chunks_of(info)
        void = {name for name in known if draw.random() < 0.2}
        gone = {name for name in known if draw.random() < 0.2}
        index.pass_over(void, gone=gone)
        live = {one for name in known.keys() - void - gone for one in known[name]}
        there = {one for name in known.keys() - gone for one in known[name]}

        assert {one for one in pool if one in index} == live
        found = {one: index.locate(one) for one in pool}
        assert {one for one in pool if found[one]} == there
        for one in there:
            place = found[one]
            places, ids = read_catalogue(index.info(place.pack.name).catalogue, where="")
            before = sum(each.chunk_count for each in places[: place.counter]) + place.ordinal
            assert bytes(ids[before * 32 : before * 32 + 32]) == one
            assert (place.pack.name not in void) or one not in live


def test_a_pack_is_added_while_somebody_walks_through_those_that_are_known():
    index = Index()
    infos = made.packs(30)
    for info in infos[:20]:
        index.add(info)
    walking = [index.sizes(), index.numbered(), index.rows()]
    for one in walking:
        next(one)

    for info in infos[20:]:
        index.add(info)

    assert has_all(index, *infos)
    assert all(sum(1 for _ in one) >= 19 for one in walking)
