"""The recovery sheet: a key slot on paper. It opens the vault together with its passphrase, also
when ``keys/`` is lost, with Lastgood or with the reader script alone."""

from __future__ import annotations

import html
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from blake3 import blake3

from webapp.standalone.vaults import Where, opened
from webapp.vault.keys import Passphrase
from webapp.vault.storage.addresses import in_full
from webapp.vault.transfer import sheets

if TYPE_CHECKING:
    from segno import QRCode

_ABOUT = (
    "This sheet holds the vault's key, locked with a passphrase that is not on it. The two "
    "together open the vault, even if its keys/ are lost. Keep the sheet apart from the vault and "
    "from the passphrase. If the key is removed from the vault or its keys are destroyed, destroy "
    "this sheet too: with the passphrase it still opens a copy."
)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Attributes:
    code: the slot as stored; what the QR code says.
    block: the same in lines that can be typed.
    check: 16 hex digits, to compare two sheets and to notice a slip.
    """

    vault_id: str
    address: str
    slot_id: str
    label: str
    code: str = field(repr=False)
    block: str = field(repr=False)
    check: str
    printed_at: datetime

    @property
    def facts(self) -> list[tuple[str, str]]:
        return [
            ("Vault", self.vault_id),
            ("Address", self.address),
            ("Key", f"{self.slot_id[:8]} {self.label}".strip()),
            ("Fingerprint", " ".join(self.check[at : at + 4] for at in range(0, 16, 4))),
            ("Printed", f"{self.printed_at:%Y-%m-%d %H:%M} UTC"),
        ]

    @property
    def steps(self) -> list[str]:
        """What to do with it, in order; commands alone on a line."""
        return [
            "Save what the code says, or the lines between BEGIN and END, as sheet.txt.",
            "With Lastgood: put the key back, then restore.",
            f"    lastgood vault key restore {shlex.quote(self.address)} sheet.txt",
            f"    lastgood vault restore {shlex.quote(self.address)} latest --target DIR",
            "Without Lastgood: any Python from 3.11 on, and the file docs/lastgood-reader.py of "
            "Lastgood's sources. Keep a copy of it with your backups.",
            "    pip install cryptography blake3 zstandard argon2-cffi",
            "    python lastgood-reader.py FOLDER --sheet sheet.txt restore latest DIR",
            "FOLDER holds the vault's objects: the vault's own folder, or a downloaded copy of its "
            "bucket.",
        ]


def make(where: Where) -> Sheet:
    """The sheet for the key that the passphrase opens now."""
    with opened(where) as vault:
        slot = vault.keys.slot_of(Passphrase(where.passphrase))
    code = sheets.exact(slot)
    return Sheet(
        vault_id=slot["vault_id"],
        address=in_full(where.address),
        slot_id=slot["id"],
        label=str(slot.get("label", "")),
        code=code,
        block=sheets.block(slot),
        check=blake3(code.encode()).hexdigest()[:16],
        printed_at=datetime.now(UTC),
    )


def as_text(sheet: Sheet) -> str:
    """For a terminal or a plain printer; the code in block letters."""
    facts = [f"{name + ':':<13}{value}" for name, value in sheet.facts]
    parts = [
        "Lastgood recovery sheet",
        "\n".join(facts),
        textwrap.fill(_ABOUT, 78),
        "\n".join(_folded(step) for step in sheet.steps),
    ]
    parts += [sheet.block.rstrip(), "\n".join(_code_lines(_code(sheet)))]
    return "\n\n".join(parts) + "\n"


def _folded(step: str) -> str:
    return step if step.startswith(" ") else textwrap.fill(step, 78)


def as_html(sheet: Sheet) -> str:
    """One page to print, with nothing outside it and no script."""
    facts = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>\n"
        for name, value in sheet.facts
    )
    steps = "".join(_step(step) for step in sheet.steps)
    picture = _code(sheet).svg_inline(scale=4, border=4, omitsize=False)
    block = html.escape(sheet.block, quote=False)
    return _PAGE.format(facts=facts, about=_ABOUT, steps=steps, code=picture, block=block)


def _step(step: str) -> str:
    tag = "pre" if step.startswith(" ") else "p"
    return f"<{tag}>{html.escape(step.strip())}</{tag}>\n"


def _code(sheet: Sheet) -> QRCode:
    import segno

    return segno.make(sheet.code, error="m", micro=False)


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
<title>Lastgood recovery sheet</title>
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
<h1>Lastgood recovery sheet</h1>
<table>
{facts}</table>
<p>{about}</p>
{code}
<pre>
{block}</pre>
{steps}</body>
</html>
"""
