"""The recovery sheet of the console itself: its master key, to be kept on paper elsewhere.

With it and a backup of the console everything comes back. Whoever may take it has the key file
already: it is a command of the machine, not a page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from webapp.domain.actors import Actor
from webapp.extensions import db
from webapp.services import audit, console_backups, installation

_GROUP = 4


@dataclass(frozen=True, kw_only=True)
class ConsoleSheet:
    """Attributes:
    key: the master key, 64 hex digits.
    check: the first 8 hex digits of the SHA-256 of the key's 32 bytes, to notice a slip.
    address: where the console was backed up last; empty if it never was.
    """

    fingerprint: str
    key: str = field(repr=False)
    check: str
    address: str
    made_at: datetime

    @property
    def groups(self) -> list[str]:
        """The key as a person types it: 16 groups of four."""
        return [self.key[at : at + _GROUP] for at in range(0, len(self.key), _GROUP)]

    @property
    def code(self) -> str:
        """What the QR code says."""
        facts = {"fingerprint": self.fingerprint, "master_key": self.key, "check": self.check}
        return json.dumps({"lastgood": 1, **facts})


def take(actor: Actor, *, at: datetime) -> ConsoleSheet:
    """Make the sheet, record in the audit log that it was taken, and commit."""
    ring = installation.ring()
    address = console_backups.last_address()
    details = {"key_fingerprint": ring.fingerprint}
    audit.record(actor, "installation.recovery_sheet_taken", tenant=None, details=details)
    db.session.commit()
    return ConsoleSheet(
        fingerprint=ring.fingerprint,
        key=ring.master.hex(),
        check=sha256(ring.master).hexdigest()[:8],
        address=address,
        made_at=at,
    )
