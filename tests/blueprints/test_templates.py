"""Conventions of templates: fragments say what they need, and nothing is styled or run inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parent.parent.parent / "webapp" / "templates"
ALL = sorted(TEMPLATES.rglob("*.html"))
FRAGMENTS = [path for path in ALL if path.name.startswith("_")]
MACROS = sorted((TEMPLATES / "macros").glob("*.html"))
VOID = {"input", "img", "br", "hr", "meta", "link", "use", "rect", "path", "circle"}


def name_of(path: Path) -> str:
    return path.relative_to(TEMPLATES).as_posix()


def body_of(path: Path) -> tuple[str, str]:
    """The comment a fragment begins with, and its markup without statements and comments."""
    found = re.fullmatch(r"\{#(.*?)#\}\s*(.*)", path.read_text(), re.DOTALL)
    assert found, "a fragment begins with a comment"
    comment, body = found.groups()
    body = re.sub(r"\{#.*?#\}", "", body, flags=re.DOTALL)
    body = re.sub(r"\{\{.*?\}\}", "x", body, flags=re.DOTALL)
    return comment, re.sub(r"\{%.*?%\}", "", body, flags=re.DOTALL).strip()


class Roots(HTMLParser):
    """Counts the elements that stand at the top."""

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.roots = 0, []

    def handle_starttag(self, tag, attrs):
        if self.depth == 0:
            self.roots.append(dict(attrs).get("id"))
        self.depth += tag not in VOID

    def handle_endtag(self, tag):
        self.depth -= tag not in VOID


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_a_fragment_says_what_it_needs_and_who_swaps_it(path):
    comment, _ = body_of(path)

    assert "Needs:" in comment
    assert "Swapped by:" in comment


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_a_fragment_has_one_root_with_an_id(path):
    roots = Roots()

    roots.feed(body_of(path)[1])

    assert len(roots.roots) == 1
    assert roots.roots[0]


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_nothing_is_styled_or_run_inline(path):
    text = path.read_text()

    assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", MACROS, ids=name_of)
def test_macros_take_arguments_only(path):
    assert not re.search(r"\b(request|current_user|session|g|shell)\.", path.read_text())


def test_scripts_and_styles_of_ours_name_no_other_host():
    static = TEMPLATES.parent / "static"
    files = [*static.glob("css/*.css"), *static.glob("js/*.js")]

    assert [
        path.name
        for path in files
        if "//" in re.sub(r"^\s*//.*", "", path.read_text(), flags=re.M)
        and "http" in path.read_text()
    ] == []
