"""The recovery sheet: a key slot on paper. It opens the vault together with its passphrase, also
when ``keys/`` is lost, with Lastgood or with the reader script alone."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime

from blake3 import blake3

from webapp.standalone import paper
from webapp.standalone.paper import Paper
from webapp.standalone.vaults import Where, opened
from webapp.vault.keys import Passphrase
from webapp.vault.storage.addresses import in_full
from webapp.vault.transfer import sheets

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
    return paper.as_text(_paper(sheet))


def as_html(sheet: Sheet) -> str:
    """One page to print, with nothing outside it and no script."""
    return paper.as_html(_paper(sheet))


def _paper(sheet: Sheet) -> Paper:
    return Paper(
        title="Lastgood recovery sheet",
        facts=sheet.facts,
        about=_ABOUT,
        steps=sheet.steps,
        code=sheet.code,
        block=sheet.block,
    )
