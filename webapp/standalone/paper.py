"""A recovery sheet on paper: text or one page to print, with a code that a camera reads."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segno import QRCode


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Attributes:
    facts: name and value.
    steps: what to do with it, in order; commands alone on a line.
    code: what the QR code says.
    block: the same in lines that can be typed.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    about: str
    steps: Sequence[str]
    code: str = field(repr=False)
    block: str = field(repr=False)


def as_text(paper: Paper) -> str:
    """For a terminal or a plain printer; the code in block letters."""
    facts = [f"{name + ':':<13}{value}" for name, value in paper.facts]
    parts = [
        paper.title,
        "\n".join(facts),
        textwrap.fill(paper.about, 78),
        "\n".join(_folded(step) for step in paper.steps),
    ]
    parts += [paper.block.rstrip(), "\n".join(_code_lines(_code(paper)))]
    return "\n\n".join(parts) + "\n"


def _folded(step: str) -> str:
    return step if step.startswith(" ") else textwrap.fill(step, 78)


def as_html(paper: Paper) -> str:
    """One page to print, with nothing outside it and no script."""
    facts = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>\n"
        for name, value in paper.facts
    )
    steps = "".join(_step(step) for step in paper.steps)
    picture = _code(paper).svg_inline(scale=4, border=4, omitsize=False)
    return _PAGE.format(
        title=html.escape(paper.title),
        facts=facts,
        about=html.escape(paper.about, quote=False),
        steps=steps,
        code=picture,
        block=html.escape(paper.block, quote=False),
    )


def _step(step: str) -> str:
    tag = "pre" if step.startswith(" ") else "p"
    return f"<{tag}>{html.escape(step.strip())}</{tag}>\n"


def _code(paper: Paper) -> QRCode:
    import segno

    return segno.make(paper.code, error="m", micro=False)


def _code_lines(code: QRCode) -> Iterator[str]:
    """Two rows of modules in one line of text."""
    rows = [list(map(bool, row)) for row in code.matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        yield "".join(" ▀▄█"[up + 2 * low] for up, low in zip(upper, lower, strict=True)).rstrip()


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 11pt/1.4 sans-serif; max-width: 18cm; margin: 1cm auto }}
body {{ color: #000; background: #fff }}
th {{ text-align: left; padding-right: 1em; vertical-align: top }}
td, pre {{ font-family: monospace; overflow-wrap: anywhere }}
pre {{ font-size: 9pt; white-space: pre-wrap }}
svg {{ width: 9cm; height: 9cm; display: block }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
{facts}</table>
<p>{about}</p>
{code}
<pre>
{block}</pre>
{steps}</body>
</html>
"""
