"""A vault whose making was cut short."""

from __future__ import annotations

from contextlib import suppress

import pytest

from webapp.vault import ConsoleKey, Vault, VaultExists
from webapp.vault.storage.base import StoredObject
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.twins import complete

KEY = ConsoleKey("test", bytes(32))


class CutShort(MemoryStorage):
    """Dies at the put of a certain number."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def put(self, name: str, data: bytes) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        super().put(name, data)


@pytest.mark.parametrize("at", range(4))
def test_a_vault_that_was_cut_short_is_made_whole(at):
    storage = CutShort(at)
    with pytest.raises(KeyboardInterrupt):
        Vault.create(storage, wrap=KEY)
    storage.left = -1

    with suppress(VaultExists):
        Vault.create(storage, wrap=KEY)
    complete(storage)

    vault = Vault.open(storage, wrap=KEY)
    assert vault.verify().errors == []


def test_a_whole_vault_is_left_alone():
    storage = MemoryStorage()
    Vault.create(storage, wrap=KEY)
    before: list[StoredObject] = list(storage.list(""))

    assert complete(storage) == []
    assert list(storage.list("")) == before
