"""A vault in memory with a clock that tests move, for prune and forget."""

from __future__ import annotations

import random

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Vault
from webapp.vault.snapshots import FINISHED
from webapp.vault.storage.memory import MemoryStorage

DATA = random.Random(7).randbytes(9_000_000)
DAY_NS = 86_400 * 10**9


class Watched(MemoryStorage):
    """Lets a test act whenever something is listed."""

    on_list = None

    def list(self, prefix):
        if self.on_list is not None:
            self.on_list(prefix)
        return super().list(prefix)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000 * 10**9

    def __call__(self) -> int:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += round(days * DAY_NS)


def source(*numbers: int) -> MemorySource:
    """Files of 700 kB, the same for the same number."""
    pieces = [(file(b"tree/%02d" % n), DATA[n * 700_000 : (n + 1) * 700_000]) for n in numbers]
    return MemorySource(folder(b"tree"), *pieces)


def back_up(vault: Vault, *numbers: int, name: str = ""):
    name = name or "-".join(map(str, numbers))
    return vault.backup(source(*numbers), name=name, report=Notes()).snapshot


def packs(storage: MemoryStorage) -> set[str]:
    return {name for name in storage.objects if name.startswith("packs/")}


def drop(storage: MemoryStorage, snapshot) -> None:
    storage.delete(FINISHED + snapshot.id)


def sound(storage: MemoryStorage, *snapshots) -> bool:
    """Whether a stranger finds these whole, and everything else in order."""
    vault = Vault.open(storage, wrap=KEY)
    return vault.verify(read_data=1.0).ok and all(contents(vault, one) for one in snapshots)
