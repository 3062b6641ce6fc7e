"""The real engine against a plain model: several hosts with wrong clocks back up, forget, bring
back and prune, into each other's way, and crash wherever they are. After each step every snapshot
that the model keeps restores exactly, and verify passes."""

from __future__ import annotations

import random
import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.faults import Fault, Kind
from tests.vault.hosts import DAY_NS, Host, World
from webapp.vault.errors import StorageUnavailable

HOSTS = st.integers(0, 2)
NAMES = st.sampled_from(["site", "shop"])
PATHS = st.sampled_from([b"tree/%d" % number for number in range(4)])
FILES = st.dictionaries(PATHS, st.integers(0, 7), max_size=4)
CALLS = st.integers(0, 60)
SKIP = st.integers(0, 3)
GRACE = st.sampled_from([0.0, 0.0, 3.0])
FAULTS = st.sampled_from(
    [Fault(kind, StorageUnavailable) for kind in (Kind.BEFORE, Kind.AFTER, Kind.LATE, Kind.AGAIN)]
)
PLACES = st.sampled_from(
    [
        ("put", "packs/"),
        ("put", "index/"),
        ("put", "pending/"),
        ("put", "snapshots/"),
        ("put", "condemned/"),
        ("put", "forgotten/"),
        ("delete", ""),
        ("get", ""),
        ("list", ""),
    ]
)


# Just before what another host is let in.
BACKUP_MOMENTS = [
    ("list", "condemned/"),
    ("list", "packs/"),
    ("put", "packs/"),
    ("put", "pending/"),
    ("put", "snapshots/"),
    ("list", "revoked/"),
    ("delete", "pending/"),
    ("get", "packs/"),
]
PRUNE_MOMENTS = [
    ("list", "pending/"),
    ("list", "snapshots/"),
    ("list", "condemned/"),
    ("list", "packs/"),
    ("get", "packs/"),
    ("put", "condemned/"),
    ("delete", "packs/"),
    ("delete", "condemned/"),
    ("list", "index/"),
    ("put", "index/"),
    ("delete", "index/"),
    ("put", "revoked/"),
    ("delete", "snapshots/"),
]
IN_A_BACKUP, IN_A_PRUNE = st.sampled_from(BACKUP_MOMENTS), st.sampled_from(PRUNE_MOMENTS)


class ManyHosts(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def host(self, number: int) -> Host:
        return self.world.hosts[number]

    @rule(host=HOSTS, name=NAMES, files=FILES)
    def back_up(self, host, name, files):
        self.world.back_up(self.host(host), name, files)

    @rule(host=HOSTS, name=NAMES, files=FILES)
    def outlive_all_others(self, host, name, files):
        """Afterwards much of the vault is needed by nobody."""
        self.world.back_up(self.host(host), name, files)
        self.world.forget(self.host(host), 1)
        self.world.now += 8 * DAY_NS

    @rule(host=HOSTS, keep=st.integers(1, 2))
    def forget(self, host, keep):
        self.world.guarded(self.host(host), lambda: self.world.forget(self.host(host), keep))

    @rule(host=HOSTS, pick=st.integers(0, 99))
    def bring_back(self, host, pick):
        known = sorted(self.world.forgotten.keys() & self.world.finished.keys())
        if known:
            one = known[pick % len(known)]
            self.world.guarded(self.host(host), lambda: self.world.unforget(self.host(host), one))

    @rule(host=HOSTS, grace=GRACE)
    def prune(self, host, grace):
        self.world.prune(self.host(host), grace_days=grace)

    @rule(days=st.sampled_from([0.1, 3.5, 8.0, 40.0, -2.0]))
    def time_passes(self, days):
        self.world.now += round(days * DAY_NS)

    @rule(host=HOSTS)
    def lose_the_cache(self, host):
        shutil.rmtree(self.host(host).cache, ignore_errors=True)
        self.host(host).restart()

    @rule(
        pair=st.permutations([0, 1, 2]),
        files=FILES,
        moment=IN_A_BACKUP,
        skip=SKIP,
        gone=st.booleans(),
    )
    def prune_in_the_middle_of_a_backup(self, pair, files, moment, skip, gone):
        """With *gone*, the writer is taken for dead, too."""
        writer, pruner = self.host(pair[0]), self.host(pair[1])
        days = 0.0 if gone else 30.0
        writer.between.arm(
            lambda: self.world.prune(pruner, grace_days=0.0, gone_days=days), moment, skip=skip
        )
        self.world.guarded(writer, lambda: self.world.back_up(writer, "site", files))

    @rule(pair=st.permutations([0, 1, 2]), files=FILES, moment=IN_A_PRUNE, skip=SKIP)
    def backup_in_the_middle_of_a_prune(self, pair, files, moment, skip):
        pruner, writer = self.host(pair[0]), self.host(pair[1])
        pruner.between.arm(lambda: self.world.back_up(writer, "site", files), moment, skip=skip)
        self.world.guarded(pruner, lambda: self.world.prune(pruner, grace_days=0.0))

    @rule(pair=st.permutations([0, 1, 2]), moment=IN_A_PRUNE, skip=SKIP)
    def prune_in_the_middle_of_a_prune(self, pair, moment, skip):
        first, second = self.host(pair[0]), self.host(pair[1])
        first.between.arm(lambda: self.world.prune(second, grace_days=0.0), moment, skip=skip)
        self.world.guarded(first, lambda: self.world.prune(first, grace_days=0.0))

    @rule(order=st.permutations([0, 1, 2]), files=FILES, outer=IN_A_BACKUP, inner=IN_A_PRUNE)
    def prune_in_a_prune_in_a_backup(self, order, files, outer, inner):
        writer, first, second = map(self.host, order)
        prune = partial(self.world.prune, grace_days=0.0)

        def between() -> None:
            first.between.arm(lambda: prune(second), inner)
            prune(first)
            first.between.disarm()

        writer.between.arm(between, outer)
        self.world.guarded(writer, lambda: self.world.back_up(writer, "site", files))

    @rule(host=HOSTS, name=NAMES, files=FILES, call=CALLS, late=st.booleans())
    def crash_while_backing_up(self, host, name, files, call, late):
        one = self.host(host)
        one.crash_at(call, late=late)
        self.world.guarded(one, lambda: self.world.back_up(one, name, files))

    @rule(host=HOSTS, grace=GRACE, call=CALLS, late=st.booleans())
    def crash_while_pruning(self, host, grace, call, late):
        one = self.host(host)
        one.crash_at(call, late=late)
        self.world.guarded(one, lambda: self.world.prune(one, grace_days=grace))

    @rule(host=HOSTS, name=NAMES, files=FILES, place=PLACES, fault=FAULTS, times=st.integers(1, 5))
    def fail_while_backing_up(self, host, name, files, place, fault, times):
        one = self.host(host)
        one.faulty.on(*place, fault, times=times)
        self.world.guarded(one, lambda: self.world.back_up(one, name, files))
        one.restart()

    @rule(host=HOSTS, grace=GRACE, place=PLACES, fault=FAULTS, times=st.integers(1, 5))
    def fail_while_pruning(self, host, grace, place, fault, times):
        one = self.host(host)
        one.faulty.on(*place, fault, times=times)
        self.world.guarded(one, lambda: self.world.prune(one, grace_days=grace))
        one.restart()

    @invariant()
    def all_that_is_kept_restores_exactly(self):
        self.world.check()


def campaign(examples: int, steps: int, **more) -> None:
    run_state_machine_as_test(
        ManyHosts,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def by_chance(seed: int, steps: int) -> None:
    """The same steps, evenly drawn: what is rare by itself comes more often than in a search that
    likes small examples."""
    draw, machine = random.Random(seed), ManyHosts()
    try:
        for _ in range(steps):
            _one_step(machine, draw)
            machine.world.check()
    finally:
        machine.teardown()


def _one_step(machine: ManyHosts, draw: random.Random) -> None:
    order = draw.sample(range(3), 3)
    files = {b"tree/%d" % draw.randrange(4): draw.randrange(6) for _ in range(3)}
    at, inside = draw.choice(PRUNE_MOMENTS), draw.choice(BACKUP_MOMENTS)
    skip, late, call = draw.randrange(4), draw.random() < 0.5, draw.randrange(150)
    grace = draw.choice((0.0, 0.0, 3.0))
    steps = [
        lambda: machine.outlive_all_others(order[0], draw.choice(("site", "shop")), files),
        lambda: machine.prune_in_the_middle_of_a_backup(order, files, inside, skip % 2, late),
        lambda: machine.backup_in_the_middle_of_a_prune(order, files, at, skip),
        lambda: machine.prune_in_the_middle_of_a_prune(order, at, skip),
        lambda: machine.prune_in_a_prune_in_a_backup(order, files, inside, at),
        lambda: machine.crash_while_pruning(order[0], grace, call, late),
        lambda: machine.crash_while_backing_up(order[0], "site", files, call % 40, late),
        lambda: machine.prune(order[0], grace),
        lambda: machine.bring_back(order[0], call),
    ]
    draw.choices(steps, weights=(6, 4, 5, 3, 3, 2, 2, 1, 1))[0]()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_hosts_in_each_others_way_by_chance_lose_nothing(seed):
    by_chance(seed, 40)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_hosts_in_each_others_way_by_chance_lose_nothing_for_a_minute():
    for _ in range(15):
        by_chance(random.SystemRandom().randrange(1 << 32), 60)


@pytest.mark.slow
def test_hosts_in_each_others_way_lose_nothing():
    campaign(25, 20, derandomize=True)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_hosts_in_each_others_way_lose_nothing_for_a_minute():
    campaign(30, 40)


@pytest.mark.torture_long
@pytest.mark.timeout(7200)
def test_hosts_in_each_others_way_by_chance_lose_nothing_for_minutes():
    for _ in range(300):
        by_chance(random.SystemRandom().randrange(1 << 32), 60)


@pytest.mark.torture_long
@pytest.mark.timeout(7200)
def test_hosts_in_each_others_way_lose_nothing_for_an_hour():
    campaign(1500, 50)
