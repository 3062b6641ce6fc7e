"""A text diff that is safe to show: secrets are masked, and it stays small."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

LARGEST_TEXT_BYTES = 256 * 1024
LARGEST_DIFF_BYTES = 64 * 1024
_MOST_WORK = 4_000_000  # lines now × lines then, after what is common at both ends is cut off
_MASK = "[masked]"
_CUT = "[the rest of the diff is left out]\n"

# Nothing here may repeat without a bound: a line can be a whole minified file.
_SECRET = re.compile(
    r"""(?ix) ( (?: passwords? | passwd | passphrase | passcode | secrets? | tokens?
        | credentials? | apikeys? | dbpass | userpass | (?<![a-z])(?:pass|pwd|keys?|salt|auth) )
        (?![a-z]) [\w.\-]{0,60} ['"]? \s{0,20} (?: => | [=:,] ) \s{0,20} ) (\S.*)"""
)
_URL_PASSWORD = re.compile(r"(?i)(://[^\s/:@]{0,200}:)[^\s@/]{1,500}@")
_BEGIN, _END = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), re.compile(r"-----END [A-Z ]*PRIV")


def text_of(data: bytes) -> str | None:
    """The text that *data* is, or None: it is binary, or larger than a diff takes."""
    if len(data) > LARGEST_TEXT_BYTES or b"\x00" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def unified(now: str, then: str) -> str | None:
    """Say what changes from *now* to *then*; None where the two have too little in common."""
    old, new = now.splitlines(keepends=True), then.splitlines(keepends=True)
    head, tail = _common(old, new)
    if (len(old) - head - tail) * (len(new) - head - tail) > _MOST_WORK:
        return None
    first = max(0, head - 3)
    last = max(0, tail - 3)
    shown_old, shown_new = masked(old), masked(new)
    matcher = SequenceMatcher(None, old[first : len(old) - last], new[first : len(new) - last])
    lines = ["--- now\n", "+++ backup\n"]
    for group in matcher.get_grouped_opcodes(3):
        moved = [(tag, a + first, b + first, c + first, d + first) for tag, a, b, c, d in group]
        lines += _hunk(moved, shown_old, shown_new)
    return _cut(lines)


def masked(lines: list[str]) -> list[str]:
    """The same lines with the values of what looks like a secret masked."""
    shown, inside = [], False
    for line in lines:
        begins, ends = _BEGIN.search(line), _END.search(line)
        shown.append(f"{_MASK}\n" if inside and not ends else _masked(line))
        inside = bool(begins or inside) and not ends
    return shown


def _masked(line: str) -> str:
    end = "\n" if line.endswith("\n") else ""
    line = _URL_PASSWORD.sub(rf"\1{_MASK}@", line.rstrip("\r\n"))
    return _SECRET.sub(rf"\1{_MASK}", line) + end


def _common(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many lines are the same at the head, and how many at the tail."""
    least = min(len(old), len(new))
    head = next((i for i in range(least) if old[i] != new[i]), least)
    rest = least - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return head, tail


def _hunk(
    group: list[tuple[str, int, int, int, int]], old: list[str], new: list[str]
) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
    for tag, a, b, c, d in group:
        if tag == "equal":
            yield from (" " + _ended(line) for line in old[a:b])
            continue
        yield from ("-" + _ended(line) for line in old[a:b])
        yield from ("+" + _ended(line) for line in new[c:d])


def _range(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1 if length else start},{length}"


def _ended(line: str) -> str:
    return line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _cut(lines: list[str]) -> str:
    text = "".join(lines)
    if len(text.encode()) <= LARGEST_DIFF_BYTES:
        return text
    size, kept = len(_CUT), []
    for line in lines:
        size += len(line.encode())
        if size > LARGEST_DIFF_BYTES:
            break
        kept.append(line)
    return "".join(kept) + _CUT
