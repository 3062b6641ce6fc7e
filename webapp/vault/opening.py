"""From a place and a key to the parts of an open vault."""

from __future__ import annotations

from pathlib import Path

from webapp.vault import config, keys, self_test
from webapp.vault.derivation import KEY_BYTES, KeyRing
from webapp.vault.engine import Engine
from webapp.vault.errors import VaultExists, WrongKey
from webapp.vault.hooks import Hooks
from webapp.vault.keys import Wrapping
from webapp.vault.reader import ChunkReader
from webapp.vault.snapshots import Roots
from webapp.vault.stock import Stock
from webapp.vault.storage.base import Storage
from webapp.vault.storage.retrying import Retrying
from webapp.vault.transfer import key_changes

REAL = Hooks()


def make(storage: Storage, wrap: Wrapping, *, hooks: Hooks, private_boundaries: bool) -> Engine:
    """Make a new vault: the first key slot, then ``config``.

    Raises:
        VaultExists: there is one already.
        SelfTestFailed: this machine computes wrongly; nothing was written.
    """
    self_test.passed()
    storage = Retrying.around(storage, sleep=hooks.sleep)
    if config.exists(storage):
        raise VaultExists("There is a vault here already.")
    ring = KeyRing(hooks.random_bytes(KEY_BYTES), hooks.random_bytes(16))
    made = config.Config(
        vault_id=ring.vault_id,
        created_ns=hooks.time_ns(),
        features=(config.PRIVATE_BOUNDARIES,) if private_boundaries else (),
    )
    keys.add_slot(
        storage,
        ring.master,
        vault_id=ring.vault_id,
        wrap=wrap,
        random_bytes=hooks.random_bytes,
        notes={"label": "", "created_ns": made.created_ns},
    )
    config.write(storage, made, ring)
    return _engine(storage, ring, made, cache_dir=None, hooks=hooks)


def open_engine(
    storage: Storage, wrap: Wrapping, *, cache_dir: Path | None, hooks: Hooks
) -> Engine:
    """Open a vault that exists.

    Raises:
        NotAVault: there is none here.
        WrongKey: *wrap* opens none of its key slots; ``KeysDestroyed``: nothing ever will.
        Damaged: its config or key slots are.
        NewerFormat: a later release wrote it.
    """
    storage = Retrying.around(storage, sleep=hooks.sleep)
    found, document = config.read(storage)
    ring = KeyRing(_unlock(storage, found.vault_id, wrap), found.vault_id)
    found = config.authentic(storage, document, ring)
    return _engine(storage, ring, found, cache_dir=cache_dir, hooks=hooks)


def _unlock(storage: Storage, vault_id: bytes, wrap: Wrapping) -> bytes:
    try:
        return keys.unlock(storage, vault_id, wrap)
    except WrongKey:
        key_changes.check_destroyed(storage)
        raise


def _engine(
    storage: Storage,
    ring: KeyRing,
    found: config.Config,
    *,
    cache_dir: Path | None,
    hooks: Hooks,
) -> Engine:
    stock = Stock(storage, ring, cache_dir)
    return Engine(
        storage=storage,
        ring=ring,
        config=found,
        stock=stock,
        roots=Roots(storage, ring),
        chunks=ChunkReader(storage, ring, stock),
        hooks=hooks,
    )
