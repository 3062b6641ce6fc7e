"""Which folders can be granted, by their names alone."""

from __future__ import annotations

import pytest

from webapp.domain import roots


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("/srv/acme", "/srv/acme"),
        (" /srv/acme/ ", "/srv/acme"),
        ("//srv//acme/./web", "/srv/acme/web"),
    ],
)
def test_a_folder_has_one_spelling(typed, stored):
    assert roots.normalise(typed) == stored


@pytest.mark.parametrize(
    "typed",
    ["", "srv/acme", "/", "//", "/.", "/srv/../etc", "/srv/ac\nme", "/srv\x00", "/" + "x" * 5000],
)
def test_what_is_no_folder_of_its_own_is_refused(typed):
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        roots.normalise(typed)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/srv/a", "/srv/a", True),
        ("/srv/a", "/srv/a/web", True),
        ("/srv/a/web", "/srv/a", True),
        ("/srv/a", "/srv/ab", False),
        ("/srv/a", "/srv/b", False),
    ],
)
def test_folders_overlap_by_whole_names(one, other, expected):
    assert roots.overlaps(one, other) is expected
