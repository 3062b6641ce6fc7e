"""Which exit code and sentence an error becomes."""

from __future__ import annotations

from webapp.errors import AppError, Invalid
from webapp.vault.errors import (
    Damaged,
    NotAVault,
    ObjectExists,
    ObjectMissing,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    VaultError,
)

DONE, FAILED, USAGE, UNREADABLE, NO_VAULT, BUSY, WRONG_KEY = 0, 1, 2, 3, 10, 11, 12
INTERRUPTED = 130

_CODES: dict[str, int] = {
    "bad_address": USAGE,
    "not_a_vault": NO_VAULT,
    "vault_busy": BUSY,
    "wrong_key": WRONG_KEY,
}
_SENTENCES: tuple[tuple[type[VaultError], str], ...] = (
    (NotAVault, "{error} Check the address, or make a vault with: lastgood vault init VAULT"),
    (Damaged, "The vault is damaged: {error}. Run: lastgood vault verify VAULT"),
    (ObjectMissing, "The vault is damaged: {error} is missing. Run: lastgood vault verify VAULT"),
    (ObjectExists, "The vault already holds another object of this name: {error}"),
    (StorageDenied, "The vault's place refuses access: {error}"),
    (StorageFull, "There is no space left where the vault lies: {error}"),
    (StorageUnavailable, "The vault's place does not answer: {error}"),
    (StorageError, "The vault's place failed: {error}"),
)


def explain(error: BaseException) -> tuple[int, str] | None:
    """The exit code and one sentence for *error*; None if it is not one for people."""
    if isinstance(error, Invalid):
        return USAGE, " ".join(error.fields.values())
    if isinstance(error, AppError):
        return FAILED, str(error)
    if not isinstance(error, VaultError):
        return None
    words = next((text for kind, text in _SENTENCES if isinstance(error, kind)), "{error}")
    return _CODES.get(error.code, FAILED), words.format(error=str(error) or error.code)
