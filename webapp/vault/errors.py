"""Errors of the vault. Each has a ``code``: a stable word that is safe to show and to store.

VaultError
├── StorageError          the place where objects lie failed
│   ├── ObjectMissing
│   ├── ObjectExists
│   ├── StorageDenied
│   │   └── StorageLocked
│   ├── StorageUnavailable
│   │   └── StorageBusy
│   └── StorageFull
├── WrongKey              the passphrase or the console's key opens no key slot
│   └── KeysDestroyed     on purpose, and for good
├── Busy                  somebody else is changing the keys, or prunes where only one may
├── SlotMissing
├── LastKey               without this slot nobody could open the vault
├── Damaged               stored bytes are not what was written; names the object
├── BadAddress            no vault can lie where an address says
├── NotAVault
├── VaultExists
├── NewerFormat           written by a later release
├── SnapshotMissing
├── PathMissing           a snapshot holds nothing by this name
├── SnapshotRevoked       this writer was declared dead while it wrote
├── SelfTestFailed        this machine computes wrongly; nothing was written
├── HelperLost            a process that helped with a backup was killed; run it again
├── Outrun                a prune removed what a backup relied on; nothing is lost, run it again
│   └── Lacking           some of it is in no pack any more, and must be read from the source again
├── Halted                forget or prune stopped by themselves, before anything was removed
└── BadSource             a source broke the rules of ``EntrySource``
"""

from __future__ import annotations


class VaultError(Exception):
    """Base of all errors that the engine raises on purpose."""

    code = "vault_error"


class StorageError(VaultError):
    """The storage failed in a way that no other class names."""

    code = "storage_error"
    retryable = False


class ObjectMissing(StorageError):
    """No object has this name."""

    code = "object_missing"


class ObjectExists(StorageError):
    """The name is taken. What lies there was not touched."""

    code = "object_exists"


class StorageDenied(StorageError):
    """The vault's place may not be read or written."""

    code = "storage_denied"


class StorageLocked(StorageDenied):
    """The object is locked against deletion until a day that the message names."""

    code = "storage_locked"


class StorageUnavailable(StorageError):
    """The vault's place does not answer. Another try may succeed."""

    code = "storage_unavailable"
    retryable = True


class StorageBusy(StorageUnavailable):
    """The vault's place asks to be left alone for a while."""

    code = "storage_busy"


class StorageFull(StorageError):
    """There is no space left where the vault lies."""

    code = "storage_full"


class WrongKey(VaultError):
    """No key slot of this vault opens with what was given."""

    code = "wrong_key"


class KeysDestroyed(WrongKey):
    """All keys of this vault were destroyed on purpose. Nobody can read it any more."""


class Busy(VaultError):
    """Somebody else is changing this vault's keys, or prunes it where only one may at a time."""

    code = "vault_busy"


class SlotMissing(VaultError):
    """The vault has no such key slot."""

    code = "slot_missing"


class LastKey(VaultError):
    """Without this key slot nobody could open the vault."""

    code = "last_key"


class Damaged(VaultError):
    """Stored bytes are not what was written.

    Attributes:
        object_name: the object in the storage, such as ``packs/3f…``.
        problem: what is wrong with it, in words.
    """

    code = "damaged"

    def __init__(self, object_name: str, problem: str) -> None:
        super().__init__(f"{object_name}: {problem}")
        self.object_name = object_name
        self.problem = problem

    def __reduce__(self) -> tuple[type[Damaged], tuple[str, str]]:
        return type(self), (self.object_name, self.problem)


class BadAddress(VaultError):
    """No vault can lie where this address says, or it carries a credential."""

    code = "bad_address"


class NotAVault(VaultError):
    """There is no vault here."""

    code = "not_a_vault"


class VaultExists(VaultError):
    """There is a vault here already."""

    code = "vault_exists"


class NewerFormat(VaultError):
    """A later release wrote this vault, and this one does not know all it needs to."""

    code = "newer_format"


class SnapshotMissing(VaultError):
    """The vault holds no such snapshot."""

    code = "snapshot_missing"


class PathMissing(VaultError):
    """The snapshot holds nothing by this name."""

    code = "path_missing"


class SnapshotRevoked(VaultError):
    """This writer was taken for dead and its snapshot revoked. Run the backup again."""

    code = "snapshot_revoked"


class HelperLost(VaultError):
    """A process that helped with a backup ended before its work was done. Run the backup again."""

    code = "helper_lost"


class Outrun(VaultError):
    """A prune, with too short a grace, removed what a backup relied on. Run the backup again."""

    code = "outrun"


class Lacking(Outrun):
    """What a backup needs is in no pack any more. It must be read from the source again."""


class Halted(VaultError):
    """A brake stopped forget or prune. Nothing that anybody needs was removed."""

    code = "halted"


class BadSource(VaultError):
    """A source yields entries out of order, twice, or with a path that leaves the snapshot."""

    code = "bad_source"


class SelfTestFailed(VaultError):
    """This machine's libraries or its hardware give wrong results."""

    code = "self_test_failed"
