"""Segments that are put together in rooms are those that the format describes."""

from __future__ import annotations

from webapp.vault.packs import build_segment
from webapp.vault.rooms import FULL_BYTES, LARGEST_BYTES, Room, Rooms


def fill(room, *chunks):
    for number, chunk in enumerate(chunks):
        room.space(len(chunk))[:] = chunk
        room.keep(bytes([number]) * 32, len(chunk))


def test_a_room_holds_what_build_segment_makes():
    room, chunks = Room(), [b"one", b"", b"three" * 100]

    fill(room, *chunks)

    assert bytes(room.segment()) == build_segment(chunks)


def test_what_is_put_into_the_space_and_not_kept_is_no_part_of_the_segment():
    room = Room()
    room.space(4)[:] = b"gone"

    fill(room, b"kept")

    assert bytes(room.segment()) == build_segment([b"kept"])


def test_a_room_is_full_before_its_space_ends():
    room = Room()

    fill(room, bytes(FULL_BYTES - LARGEST_BYTES), bytes(LARGEST_BYTES - 1))

    assert not room.is_full
    assert len(room.space(LARGEST_BYTES)) == LARGEST_BYTES


def test_a_room_is_full_when_its_table_of_lengths_is():
    room, most = Room(), 1 << 14

    for _ in range(most):
        assert not room.is_full
        room.keep(bytes(32), 0)

    assert room.is_full
    assert bytes(room.segment()) == build_segment([b""] * most)


def test_a_room_that_was_given_back_is_used_again_and_empty():
    rooms = Rooms()
    first = rooms.take()
    fill(first, b"one")
    rooms.give_back(first)

    again = rooms.take()

    assert again is first
    assert bytes(again.segment()) == build_segment([])
