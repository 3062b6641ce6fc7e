"""Each tenant's own vault: made at first use, opened with a key that only this console has."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.errors import Refused
from webapp.extensions import db
from webapp.models import VaultRecord
from webapp.services import installation
from webapp.vault import ConsoleKey, LocalStorage, Snapshot, Vault, twins
from webapp.vault.errors import Damaged, NotAVault, SnapshotMissing, VaultError, VaultExists

# Codes of the vault whose sentence differs from the error's own text, which may hold a path.
_SENTENCES = {
    "storage_full": "There is no space left where the vault lies.",
    "storage_denied": "The vault's place may not be read or written.",
    "storage_unavailable": "The vault's place does not answer.",
    "wrong_key": "The vault does not open with this installation's key.",
    "damaged": "The vault holds data that is not what was written. Verify it.",
    "not_a_vault": "The vault is not where it should be.",
    "newer_format": "A later release wrote the vault.",
    "snapshot_missing": "The restore point is missing from the vault.",
}


@contextmanager
def opened(tenant_id: UUID, *, create: bool = False) -> Iterator[Vault]:
    """The tenant's vault, for the length of the block. Ends the transaction under way.

    Args:
        create: make it if the tenant has none yet.

    Raises:
        NotAVault: there should be one and it is gone, or there is none yet.
        WrongKey, Damaged, StorageError: it does not open.
        Refused: ``vault_rolled_back``, ``vault_exchanged``.
    """
    record = db.session.scalar(select(VaultRecord).where(VaultRecord.tenant_id == tenant_id))
    known = (record.vault_id, record.head_snapshot, record.head_sequence) if record else None
    db.session.rollback()
    if known is None and not create:
        raise NotAVault("This tenant has no vault yet.")
    vault = _open(tenant_id, create=known is None)
    try:
        if known is None:
            _remember(tenant_id, vault.vault_id)
        else:
            _require_same(vault, *known)
        yield vault
    finally:
        vault.close()


def note_head(tenant_id: UUID, snapshot: Snapshot, *, stored_bytes: int) -> None:
    """Keep the newest snapshot in mind, so that a rollback of the vault shows. Caller commits."""
    db.session.execute(
        update(VaultRecord)
        .where(VaultRecord.tenant_id == tenant_id, VaultRecord.head_sequence < snapshot.sequence)
        .values(head_snapshot=snapshot.id, head_sequence=snapshot.sequence)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(VaultRecord)
        .where(VaultRecord.tenant_id == tenant_id)
        .values(stored_bytes=VaultRecord.stored_bytes + stored_bytes)
        .execution_options(synchronize_session=False)
    )


def told(error: VaultError) -> str:
    """What went wrong with a vault, in a sentence that shows no path of ours."""
    return _SENTENCES.get(error.code, "The vault could not be used.")


def folder(tenant_id: UUID) -> Path:
    return installation.settings().vaults / str(tenant_id)


def _open(tenant_id: UUID, *, create: bool) -> Vault:
    storage = LocalStorage(folder(tenant_id))
    wrap = ConsoleKey(
        installation.ring().fingerprint, installation.ring().derive(f"vault {tenant_id}")
    )
    if create:
        _make(storage, tenant_id, wrap)
    cache = installation.settings().home / "cache" / str(tenant_id)
    return Vault.open(storage, wrap=wrap, cache_dir=cache)


def _make(storage: LocalStorage, tenant_id: UUID, wrap: ConsoleKey) -> None:
    """Make the vault, or complete what another worker began and died over. One at a time."""
    place = installation.settings().vaults
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place / f".{tenant_id}.making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a killed process lets go of it
        with suppress(VaultExists):
            Vault.create(storage, wrap=wrap).close()
        twins.complete(storage)


def _remember(tenant_id: UUID, vault_id: str) -> None:
    db.session.add(
        VaultRecord(
            tenant_id=tenant_id,
            backend="local",
            location=str(tenant_id),
            vault_id=vault_id,
            created_at=clock.now(),
        )
    )
    try:
        db.session.commit()
    except IntegrityError:  # the other run that makes it remembered it first
        db.session.rollback()


def _require_same(vault: Vault, vault_id: str, head: str | None, sequence: int) -> None:
    if vault.vault_id != vault_id:
        raise Refused("vault_exchanged", "Another vault lies in the place of this tenant's.")
    if head is None:
        return
    try:
        vault.snapshot(head)  # this one alone: reading all takes longer with each that is made
    except (SnapshotMissing, Damaged) as error:
        if isinstance(error, SnapshotMissing) and vault.was_forgotten(head):
            return  # removed on purpose, by somebody with the key
        raise Refused(
            "vault_rolled_back",
            "The newest restore point that this console knows is missing from the vault: it was "
            f"put back to an older state (before number {sequence}), or a part is lost.",
        ) from None
