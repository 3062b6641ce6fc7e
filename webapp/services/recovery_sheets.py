"""The recovery sheet: what opens a tenant's vault when this console is gone.

It carries the key that wraps the vault's master key. Whoever holds the sheet and a copy of the
vault's folder can read everything in it, so only an MSP admin may take it, and taking is audited.
Nothing of the vault is touched: the key is derived from the installation's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select

from webapp.domain.acts import Act
from webapp.domain.permissions import Permission
from webapp.errors import NotFound
from webapp.extensions import db
from webapp.models import VaultRecord
from webapp.services import access as gate
from webapp.services import audit, installation
from webapp.services.access import Access
from webapp.services.second_person import asking
from webapp.services.second_person.asking import Ask

_GROUP = 4


@dataclass(frozen=True, kw_only=True)
class RecoverySheet:
    """Attributes:
    key_id: names the key slot of the vault that the key opens.
    key: 64 hex digits.
    check: the first 8 hex digits of the SHA-256 of the key's 32 bytes, to notice a slip.
    """

    tenant: str
    slug: str
    vault_id: str
    location: str
    key_id: str
    key: str = field(repr=False)
    check: str
    made_at: datetime

    @property
    def groups(self) -> list[str]:
        """The key as a person types it: 16 groups of four."""
        return [self.key[at : at + _GROUP] for at in range(0, len(self.key), _GROUP)]

    @property
    def code(self) -> str:
        """What the QR code says."""
        facts = {"vault": self.vault_id, "key_id": self.key_id, "key": self.key}
        return json.dumps({"lastgood": 1, **facts, "check": self.check})


def wrapping_key(tenant_id: UUID) -> tuple[str, bytes]:
    """Id and 32 bytes of the key with which this console opens one tenant's vault."""
    ring = installation.ring()
    return ring.fingerprint, ring.derive(f"vault {tenant_id}")


def vault_of(access: Access) -> VaultRecord | None:
    """The tenant's vault; None before its first capture."""
    access.require(Permission.ADMINISTER)
    return db.session.scalar(gate.rows(VaultRecord, access))


def is_due(tenant_id: UUID) -> bool:
    """Say whether there is a vault whose recovery sheet nobody has taken yet."""
    query = select(VaultRecord.id).where(
        VaultRecord.tenant_id == tenant_id, VaultRecord.recovery_sheet_at.is_(None)
    )
    return db.session.scalar(query) is not None


def take(access: Access, *, at: datetime, reason: str = "") -> RecoverySheet:
    """Make the sheet, record in the audit log that it was taken, and commit.

    Raises:
        NotFound: there is no vault yet; the first capture makes it.
        Waiting: two people are demanded for it, and nobody has approved it for this person.
    """
    record = vault_of(access)
    if record is None:
        raise NotFound("There is no vault yet. The first capture makes it.")
    _require_allowed(access, record, reason)
    key_id, key = wrapping_key(access.tenant.id)
    record.recovery_sheet_at = at
    audit.record(
        access.actor,
        "vault.recovery_sheet_taken",
        tenant=access.tenant,
        resource=f"vault:{record.id}",
        details={"vault_id": record.vault_id, "key_id": key_id},
    )
    sheet = RecoverySheet(
        tenant=access.tenant.name,
        slug=access.tenant.slug,
        vault_id=record.vault_id,
        location=f"vaults/{record.location}",
        key_id=key_id,
        key=key.hex(),
        check=sha256(key).hexdigest()[:8],
        made_at=at,
    )
    db.session.commit()
    return sheet


def _require_allowed(access: Access, record: VaultRecord, reason: str) -> None:
    ask = Ask(
        act=Act.TAKE_SHEET,
        subject=f"vault:{record.id}",
        name=f"vault of {access.tenant.name}",
        state=f"{record.vault_id}, key {installation.ring().fingerprint}",
        parameters={},
        lines=("Whoever has it and a copy of the vault can read everything in it.",),
        reason=reason,
    )
    asking.require(access, ask)
