r"""Patterns of paths: ``*`` and ``?`` within one name, ``**`` across folders, ``[abc]``, and ``\``
before a character that is meant literally. What a pattern says literally is used to read little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.items import sort_key

_TOKEN = re.compile(
    rb"(?P<folders>(?:(?<=/)|\A)\*\*/)|(?P<rest>\*\*)|(?P<star>\*)|(?P<one>\?)"
    rb"|\[(?P<negated>[!^]?)(?P<set>\]?[^\]]*)\]|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)
_CHARACTER = rb"(?:[^/\x80-\xff]|[\xc2-\xf4][\x80-\xbf]{1,3}|[\x80-\xff])"  # of UTF-8, or one byte
_WILD = {"folders": rb"(?:.*/)?", "rest": rb".*", "star": rb"[^/]*", "one": _CHARACTER}


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A pattern, ready to be used.

    Attributes:
        literal: bytes that every path that matches has in it; small letters if case is ignored.
        first, last: sort keys between which all matches lie; *last* is beyond, None is no end.
    """

    regex: re.Pattern[bytes]
    literal: bytes
    first: bytes
    last: bytes | None
    ignore_case: bool

    def matches(self, path: bytes) -> bool:
        return self.regex.fullmatch(fold(path) if self.ignore_case else path) is not None


def parse(pattern: bytes, *, ignore_case: bool = False) -> Pattern:
    """Take a pattern of whole stored paths, such as ``tree/**/*.php``, to pieces.

    Raises:
        ValueError: it is not a pattern.
    """
    pieces = list(_pieces(fold(pattern) if ignore_case else pattern))
    expression = b"".join(wild or re.escape(plain) for plain, wild in pieces)
    runs = _runs(pieces)
    head = b"" if ignore_case else runs[0]
    if ignore_case:
        runs = [part for run in runs for part in re.split(rb"[^\x00-\x7f]+", run)]
    first = sort_key(head)
    return Pattern(
        regex=_compiled(expression),
        literal=max(runs, key=len, default=b""),
        first=first,
        last=first + b"\x00" if head and head == _whole(pieces) else _beyond(first),
        ignore_case=ignore_case,
    )


def escape(path: bytes) -> bytes:
    """The pattern that *path* alone matches."""
    return re.sub(rb"([*?\[\\])", rb"\\\1", path)


def fold(path: bytes) -> bytes:
    """*path* in small letters, of every script; bytes that are no text stay."""
    return path.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")


def _compiled(expression: bytes) -> re.Pattern[bytes]:
    try:
        return re.compile(expression, re.DOTALL)
    except re.error:
        raise ValueError("What is between [ and ] in the pattern is not a set.") from None


def _pieces(pattern: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of which one is empty: bytes that stand for themselves, a regular expression."""
    for found in _TOKEN.finditer(pattern):
        kind = found.lastgroup or ""
        if kind in _WILD:
            yield b"", _WILD[kind]
        elif kind == "set":
            yield b"", _set_of(found["negated"], found["set"])
        else:
            yield found["escaped"] or found["plain"], b""


def _set_of(negated: bytes, members: bytes) -> bytes:
    inside = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", members)
    return rb"(?!/)[" + (b"^" if negated else b"") + inside + b"]"


def _runs(pieces: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The stretches that stand for themselves, in order."""
    runs = [b""]
    for plain, wild in pieces:
        if wild:
            runs.append(b"")
        else:
            runs[-1] += plain
    return runs


def _whole(pieces: list[tuple[bytes, bytes]]) -> bytes | None:
    return None if any(wild for _, wild in pieces) else b"".join(plain for plain, _ in pieces)


def _beyond(key: bytes) -> bytes | None:
    """The first sort key that is after all that begin with *key*."""
    key = key.rstrip(b"\xff")
    return key[:-1] + bytes([key[-1] + 1]) if key else None
