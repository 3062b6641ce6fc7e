"""Opening a vault by its address and passphrase."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from webapp.vault.errors import KeysDestroyed, NotAVault, WrongKey
from webapp.vault.keys import Passphrase, slot_ids
from webapp.vault.storage.addresses import open_storage
from webapp.vault.storage.base import Storage
from webapp.vault.storage.retrying import Retrying
from webapp.vault.vault import Vault

_NO_KEYS = (
    "The vault has lost its keys. With a recovery sheet: lastgood vault key restore VAULT SHEET"
)
_MOMENT_SECONDS = 2.0


def _say_nothing(words: str) -> None:
    """For whoever waits without a word."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """A vault, as a person names it.

    Attributes:
        address: a path, ``s3://bucket/prefix`` or ``rclone:remote:path``.
        cache_dir: where copies of the index are kept between runs; None keeps none.
        origin: where the passphrase came from, in words.
        mention: told in words that the vault's place lets us wait.
    """

    address: str
    passphrase: str = field(repr=False)
    cache_dir: Path | None = None
    origin: str = "the passphrase"
    mention: Callable[[str], None] = field(default=_say_nothing, repr=False)

    def storage(self) -> Storage:
        return open_storage(self.address)


def create(where: Where, *, private_boundaries: bool = False) -> str:
    """Make a new vault; return its id.

    Args:
        private_boundaries: cut files by a secret order of bytes.

    Raises:
        VaultExists: there is one already.
    """
    with closing(where.storage()) as storage:
        wrap = Passphrase(where.passphrase)
        made = Vault.create(storage, wrap=wrap, private_boundaries=private_boundaries)
        return made.vault_id


@contextmanager
def opened(where: Where) -> Iterator[Vault]:
    """An open vault.

    Raises:
        NotAVault, WrongKey, NewerFormat, Damaged, StorageError: it cannot be opened.
    """
    with closing(where.storage()) as storage, closing(_open(where, storage)) as vault:
        yield vault


def _open(where: Where, storage: Storage) -> Vault:
    """Say which vault it is: a command may name two."""
    patient = Retrying(storage, sleep=_Patience(where).wait)
    try:
        return Vault.open(patient, wrap=Passphrase(where.passphrase), cache_dir=where.cache_dir)
    except KeysDestroyed:
        raise
    except WrongKey as error:
        has_keys = any(slot_ids(storage))
        words = f"{error} Check {where.origin}." if has_keys else _NO_KEYS
        raise WrongKey(f"{where.address}: {words}") from None
    except NotAVault as error:
        raise NotAVault(f"{where.address}: {error}") from None


class _Patience:
    """Waits between two tries, and says so once when that takes longer than a moment."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._waited_seconds = 0.0
        self._has_said = False

    def wait(self, seconds: float) -> None:
        self._waited_seconds += seconds
        if self._waited_seconds >= _MOMENT_SECONDS and not self._has_said:
            self._has_said = True
            self._where.mention(f"{self._where.address} does not answer. Trying for a minute …")
        time.sleep(seconds)
