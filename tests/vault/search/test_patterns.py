from __future__ import annotations

import pytest

from webapp.vault.search import patterns


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"tree/a.txt", b"tree/a.txt"),
        (b"tree/*.txt", b"tree/a.txt"),
        (b"tree/**/*.txt", b"tree/a.txt"),
        (b"tree/**/*.txt", b"tree/x/y/a.txt"),
        (b"**/a.txt", b"tree/x/a.txt"),
        (b"**", b"tree"),
        (b"tree/x/**", b"tree/x/y/z"),
        (b"tree/?.txt", b"tree/a.txt"),
        (b"tree/?.txt", "tree/ä.txt".encode()),
        (b"tree/?.txt", b"tree/\xff.txt"),
        (b"tree/[a-c].txt", b"tree/b.txt"),
        (b"tree/[!a-c].txt", b"tree/d.txt"),
        (b"tree/[]].txt", b"tree/].txt"),
        (rb"tree/\*.txt", b"tree/*.txt"),
        (b"tree/a[b", b"tree/a[b"),
        (b"tree/a(b+", b"tree/a(b+"),
    ],
)
def test_a_pattern_matches(pattern, path):
    parsed = patterns.parse(pattern)

    assert parsed.matches(path)
    assert parsed.literal in path
    key = path.replace(b"/", b"\x00")
    assert parsed.first <= key
    assert parsed.last is None or key < parsed.last


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"tree/*.txt", b"tree/x/a.txt"),
        (b"tree/a.txt", b"tree/a.txt/b"),
        (b"tree/a?c", b"tree/a/c"),
        (b"tree/a[!b]c", b"tree/a/c"),
        (b"tree/[!a-c].txt", b"tree/b.txt"),
        (rb"tree/\*.txt", b"tree/a.txt"),
        (b"tree/A.txt", b"tree/a.txt"),
        (b"x**/y", b"tree/y"),
        (b"", b"tree"),
    ],
)
def test_a_pattern_does_not_match(pattern, path):
    assert not patterns.parse(pattern).matches(path)


@pytest.mark.parametrize("path", [b"tree/Index.HTML", "tree/x/ÄRGER.html".encode()])
def test_case_can_be_ignored_in_every_script(path):
    parsed = patterns.parse(b"**/*[xr].HtMl", ignore_case=True)

    assert parsed.matches(path)
    assert parsed.literal in path.lower()


def test_an_escaped_path_matches_itself_alone():
    path = rb"tree/a*[b]?\c"

    parsed = patterns.parse(patterns.escape(path))

    assert parsed.matches(path)
    assert (parsed.first, parsed.literal) == (path.replace(b"/", b"\x00"), path)
    assert not parsed.matches(b"tree/aXb?c")


def test_a_set_that_is_none_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"is not a set\.$"):
        patterns.parse(b"tree/[z-a]")
