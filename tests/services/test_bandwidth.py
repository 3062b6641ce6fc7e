"""How fast captures read: within the budgets of the installation, the customer and the host."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests import factories
from tests.services.conftest import again
from webapp.domain.limits import Values
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.services import bandwidth, captures, limits, run_views
from webapp.services.bandwidth import Budget
from webapp.services.claims import Canceled, Claim

MB = 1_000_000


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def claim(people, context):
    tenant = factories.tenant_called("acme")
    return Claim(
        run_id=uuid4(), tenant_id=tenant.id, run_type=RunType.CAPTURE, action="capture", fence=1,
        attempt=1,
    )  # fmt: skip


@pytest.fixture
def place(enter):
    """Places of Acme's and of the installation, by name."""
    root, alice = enter("root"), enter("alice")
    return {
        "installation": limits.of_installation(root.actor),
        "tenant": limits.of_tenant(alice),
        "host": limits.of_host(alice, ""),
        "neighbour": limits.of_tenant(enter("charlie", tenant="globex")),
    }


def read(budget, size_bytes=4 * MB):
    for _ in range(size_bytes // 100_000):
        budget(100_000)


def budget_of(claim, clock, host=""):
    return Budget(claim, host, monotonic=clock, sleep=clock.sleep)


@pytest.mark.parametrize("where", ["installation", "tenant", "host"])
def test_a_limit_of_each_place_slows_a_capture_down(place, claim, clock, where):
    limits.change(place[where], Values(bytes_per_second=MB))

    read(budget_of(claim, clock))

    assert 3.5 <= clock.slept <= 4


def test_a_neighbours_limit_and_that_of_another_host_slow_nobody_down(place, claim, clock, enter):
    limits.change(place["neighbour"], Values(bytes_per_second=64_000))
    factories.source(enter().tenant, host="db1")
    limits.change(limits.of_host(enter("alice"), "db1"), Values(bytes_per_second=64_000))

    budget = budget_of(claim, clock)
    read(budget)

    assert clock.slept == 0
    assert budget.bytes_per_second is None


def test_the_smallest_of_all_counts(place, claim, clock):
    limits.change(place["installation"], Values(bytes_per_second=2 * MB))
    limits.change(place["tenant"], Values(bytes_per_second=MB))
    limits.change(place["host"], Values(bytes_per_second=8 * MB))

    budget = budget_of(claim, clock)
    read(budget)

    assert budget.bytes_per_second == MB
    assert 3.5 <= clock.slept <= 4


def test_two_captures_of_a_customer_share_what_it_has(place, claim, clock):
    limits.change(place["tenant"], Values(bytes_per_second=MB))
    one, other = budget_of(claim, clock), budget_of(claim, clock, "db1")

    for _ in range(20):
        one(100_000)
        other(100_000)

    assert clock.slept >= 3.5


def test_a_limit_set_or_lifted_meanwhile_holds_within_seconds(place, claim, clock):
    budget = budget_of(claim, clock)
    read(budget)
    limits.change(place["tenant"], Values(bytes_per_second=MB))
    clock.now += bandwidth.REFRESH_SECONDS
    read(budget)
    slowed = clock.slept
    limits.clear(place["tenant"])
    clock.now += bandwidth.REFRESH_SECONDS
    read(budget)

    assert slowed >= 3
    assert clock.slept == slowed


def test_whoever_cancels_does_not_wait_for_the_rest_to_end(place, claim, clock):
    limits.change(place["tenant"], Values(bytes_per_second=64_000))
    budget = budget_of(claim, clock)
    claim.canceled.set()

    with pytest.raises(Canceled):
        budget(100 * MB)

    assert clock.slept == 0


def test_a_wait_leaves_no_transaction_open(place, claim, clock, enter):
    limits.change(place["tenant"], Values(bytes_per_second=MB))

    read(budget_of(claim, clock), MB)

    assert not db.session().in_transaction()


def test_a_capture_keeps_to_the_limit_and_says_so(enter, website, work_off, monkeypatch, www):
    (www / "large.bin").write_bytes(bytes(range(256)) * 4096)
    limits.change(limits.of_tenant(enter("alice")), Values(bytes_per_second=MB))
    clock = Clock()
    kept = Budget.__init__.__kwdefaults__
    monkeypatch.setitem(kept, "monotonic", clock)
    monkeypatch.setitem(kept, "sleep", clock.sleep)

    run, _ = captures.start(enter("olga"), website.id)
    work_off()

    access = enter("olga", to=Permission.VIEW)
    told = [event.message for event in run_views.events(access, run)]
    assert again(run).status is RunState.SUCCEEDED
    assert 0.9 <= clock.slept <= 1.1
    assert "Limits let it read 1 MB a second at most." in told
