"""Marks: where the next part of a list begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from webapp.domain import marks
from webapp.domain.marks import Mark

AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def test_a_mark_survives_an_address():
    mark = Mark(AT, UUID(int=7))

    assert marks.read(str(mark)) == mark


def test_a_moment_alone_is_a_mark():
    assert marks.read(AT.isoformat()) == Mark(AT, UUID(int=0))


@pytest.mark.parametrize(
    "text",
    ["", "x", "~", "2026-03-29T01:30:00~00000000-0000-0000-0000-000000000007",
     f"{AT.isoformat()}~7", f"x~{UUID(int=7)}"],
    ids=["nothing", "a word", "nothing on both sides", "without a zone", "no id", "no moment"],
)  # fmt: skip
def test_anything_else_is_none(text):
    assert marks.read(text) is None


def test_rows_of_one_moment_are_told_apart():
    first, second = Mark(AT, UUID(int=1)), Mark(AT, UUID(int=2))

    assert sorted([second, first, Mark(AT - timedelta(1), UUID(int=9))])[1:] == [first, second]
