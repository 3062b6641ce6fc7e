from __future__ import annotations

import pytest

from tests.vault.sources import Notes
from webapp.vault import ConsoleKey, Vault
from webapp.vault.storage.memory import MemoryStorage

KEY = ConsoleKey("test", b"k" * 32)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def vault(storage: MemoryStorage) -> Vault:
    return Vault.create(storage, wrap=KEY)


@pytest.fixture
def notes() -> Notes:
    return Notes()
