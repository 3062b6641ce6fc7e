"""Sizes as people type them."""

from __future__ import annotations

import pytest

from webapp.domain import sizes


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("10 MB", 10_000_000), ("10MB", 10_000_000), ("10mb/s", 10_000_000),
        ("1.5 GB", 1_500_000_000),
        ("1,5 GB", 1_500_000_000), ("64 KiB", 65_536), ("500GB", 500 * 10**9), ("2 TB", 2 * 10**12),
        ("12345", 12_345), (" 7 B ", 7), ("3 k", 3000), ("10 MBps", 10_000_000),
    ],
)  # fmt: skip
def test_a_size_is_read_with_its_unit(typed, count):
    assert sizes.parse(typed) == count


@pytest.mark.parametrize("typed", ["", "fast", "-1 MB", "10 XB", "1e9", "10 ib", "1.2.3", "9" * 40])
def test_what_is_no_size_is_refused(typed):
    with pytest.raises(ValueError, match="is not a size"):
        sizes.parse(typed)


@pytest.mark.parametrize("count", [0, 1, 999, 64_000, 1_500_000, 1_234_567, 10**9, 500 * 10**9])
def test_what_is_written_can_be_typed_again(count):
    assert sizes.parse(sizes.exact(count)) == count


@pytest.mark.parametrize(
    ("count", "text"), [(1_500_000, "1.5 MB"), (64_000, "64 KB"), (10**12, "1 TB"), (0, "0 B")]
)
def test_a_size_is_written_in_the_largest_unit_that_fits(count, text):
    assert sizes.exact(count) == text
