"""The same commands on a place that fails: errors, unknown outcomes, late and repeated effects,
lists that lag behind, half-written packs, and a crash at any call."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.faults import BY_CHANCE, Crashed, Effect, Fault, FaultyStorage, Kind
from tests.torture.campaign import Campaign, environ_for
from tests.torture.zygote import Ended
from tests.vault.storage import servers
from webapp import cli
from webapp.vault import Vault
from webapp.vault.errors import StorageError, StorageUnavailable
from webapp.vault.hooks import Hooks
from webapp.vault.storage.base import Storage
from webapp.vault.storage.local import LocalStorage
from webapp.vault.storage.memory import MemoryStorage

LATE = tuple(
    Fault(kind, error)
    for kind in (Kind.LATE, Kind.AGAIN)
    for error in (StorageUnavailable, StorageError)
)
CALLS = 40


@dataclass
class Clock:
    """Only waiting moves it."""

    seconds: float = 0.0

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(kw_only=True)
class Disturbing:
    """Runs commands in this process; their storages fail when a disturbance is asked for.

    Attributes:
        storage_at: what is really there.
    """

    storage_at: Callable[[str], Storage]
    read: Callable[[], str]
    draw: random.Random
    clock: Clock
    _wrapped: list[FaultyStorage] = field(default_factory=list)
    _underway: list[Effect] = field(default_factory=list)
    _active: bool = False

    def run(
        self, *words: object, kill_after: float | None = None, kill_at: int | None = None
    ) -> Ended:
        self._active, self._wrapped = kill_after is not None, []
        started, code = time.monotonic(), 0
        try:
            cli.main([str(word) for word in words])
        except Crashed:
            code = -9
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            self._let_come()
            self.clock.wait(3600)
        seconds = time.monotonic() - started
        return Ended(code, self._active and code != 0, seconds, self.read())

    def open(self, address: str, environ: object = None) -> Storage:
        inner = self.storage_at(address)
        if not self._active and not self._underway:
            return inner
        faulty = self._faulty(inner) if self._active else FaultyStorage(inner)
        for effect in self._underway:
            faulty.bring(effect, at=self.draw.randint(1, CALLS))
        self._underway = []
        self._wrapped.append(faulty)
        return faulty

    def _let_come(self) -> None:
        """What is still on its way takes effect now, or in the middle of a later command."""
        for effect in [effect for storage in self._wrapped for effect in storage.take()]:
            if self.draw.random() < 0.5:
                effect.happen()
            else:
                self._underway.append(effect)

    def _faulty(self, inner: Storage) -> FaultyStorage:
        """One of the ways to fail."""
        seed, way = self.draw.random(), self.draw.choice(("errors", "late", "crash", "short"))
        if way == "errors":
            return FaultyStorage(inner, seed=seed, odds=15, faults=BY_CHANCE)
        if way == "late":
            return FaultyStorage(inner, seed=seed, odds=6, faults=LATE)
        if way == "crash":
            at = self.draw.randint(1, CALLS)
            return FaultyStorage(inner, stop_at=at, stop_late=self.draw.random() < 0.5)
        faulty = FaultyStorage(inner)
        faulty.on("put", self.draw.choice(("packs/", "index/")), Fault(Kind.SHORT))
        return faulty


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def campaign_on(tmp_path, monkeypatch, capsys, clock) -> Callable[..., Campaign]:
    """Makes a campaign on whatever *storage_at* gives for ``one`` and ``two``; commands may be
    shown the same places in another way."""

    def make(
        storage_at: Callable[[str], Storage],
        seed: int,
        *,
        shown_at: Callable[[str], Storage] | None = None,
    ) -> Campaign:
        draw = random.Random(seed)
        runner = Disturbing(
            storage_at=shown_at or storage_at,
            read=lambda: "".join(capsys.readouterr()),
            draw=draw,
            clock=clock,
        )
        for name, value in environ_for(tmp_path, {}).items():
            monkeypatch.setenv(name, value)
        hooks = Hooks(sleep=clock.wait)
        monkeypatch.setitem(Vault.open.__kwdefaults__, "hooks", hooks)
        monkeypatch.setattr("webapp.standalone.vaults.open_storage", runner.open)
        return Campaign(
            runner=runner,
            address="one",
            second="two",
            work=tmp_path,
            storage_at=storage_at,
            draw=draw,
            leaves_halves=True,
            comes_late=True,
        )

    return make


def until(campaign: Campaign, disturbances: int) -> None:
    while campaign.kills.total() < disturbances:
        campaign.step()


def in_memory() -> Callable[[str], Storage]:
    return cache(lambda address: MemoryStorage())


def in_folders(folder: Path) -> Callable[[str], Storage]:
    return lambda address: LocalStorage(folder / address)


def on_s3(url: str, bucket: str) -> Callable[[str], Storage]:
    return cache(
        lambda address: servers.storage_at(
            f"s3://{bucket}/{address}?endpoint={url}&region=us-east-1"
        )
    )


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_a_place_that_fails_costs_nothing_that_was_finished(campaign_on, seed):
    until(campaign_on(in_memory(), seed), 20)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_a_folder_that_fails_costs_nothing_that_was_finished(campaign_on, tmp_path):
    until(campaign_on(in_folders(tmp_path), 10), 15)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_moto_that_fails_costs_nothing_that_was_finished(campaign_on):
    with servers.moto() as url:
        until(campaign_on(on_s3(url, servers.new_bucket(url)), 20), 4)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_rclone_that_fails_costs_nothing_that_was_finished(campaign_on, tmp_path):
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    with servers.rclone_s3(tmp_path / "s3") as url:
        until(campaign_on(on_s3(url, "bucket"), 21), 6)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_lists_that_lag_behind_cost_nothing_that_was_finished(campaign_on, clock):
    """Within a command nothing is listed for 30 s after it was put, and what is gone stays."""

    real = in_memory()

    @cache
    def lagging(address: str) -> Storage:
        return FaultyStorage(real(address), stale_seconds=30, monotonic=lambda: clock.seconds)

    until(campaign_on(real, 30, shown_at=lagging), 20)


@pytest.mark.torture_long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(100, 104))
def test_a_place_that_fails_hundreds_of_times_costs_nothing(campaign_on, tmp_path, seed):
    where = in_folders(tmp_path) if seed % 2 else in_memory()

    until(campaign_on(where, seed), 300)
