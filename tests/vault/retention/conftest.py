from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.upkeep import Clock, Watched
from webapp.vault import Vault
from webapp.vault.hooks import Hooks


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(clock) -> Watched:
    return Watched(now_ns=clock)


@pytest.fixture
def vault(storage: Watched, clock: Clock) -> Vault:
    return Vault.create(storage, wrap=KEY, hooks=Hooks(time_ns=clock))
