"""Who is next, and who has to wait: the rules as a table."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from webapp.domain import admission
from webapp.domain.admission import Load, Rule, Rules, Waiting
from webapp.domain.runs import RunType
from webapp.domain.windows import Window

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
BIG, SMALL, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
TYPES = {
    "restore": RunType.RESTORE,
    "preview": RunType.PREVIEW,
    "capture": RunType.CAPTURE,
    "bulk": RunType.BULK,
    "drill": RunType.DRILL,
    "maintenance": RunType.MAINTENANCE,
}


def waits(word: str, *, of: UUID = BIG, minutes: float = 1, host: str = "", name: int = 0):
    return Waiting(
        run_id=UUID(int=name),
        tenant_id=of,
        host=host,
        run_type=TYPES[word],
        queued_at=AT - timedelta(minutes=minutes),
    )


def load(**running: int) -> Load:
    tenants = {"big": BIG, "small": SMALL, "other": OTHER}
    counts = Counter({tenants[name]: count for name, count in running.items()})
    return Load(tenants=counts, hosts=Counter({(one, ""): n for one, n in counts.items()}))


def order(*waiting: Waiting, of: Load | None = None, rules: Rules | None = None) -> list[Waiting]:
    arranged = admission.arrange(waiting, of or load(), rules=rules or Rules(), at=AT)
    return [one for one, _ in arranged]


def why(word: str, rules: Rules, running: Load | None = None, **facts: object) -> str:
    one = waits(word, **facts)
    return admission.held_back_by(one, running or load(), rules=rules, at=AT)


def test_restores_go_before_previews_before_captures_before_drills_before_maintenance():
    words = ["maintenance", "drill", "capture", "preview", "restore"]

    found = order(*(waits(word, minutes=10 - at) for at, word in enumerate(words)))

    assert [one.run_type for one in found] == [TYPES[word] for word in reversed(words)]


def test_the_tenant_with_the_fewest_runs_under_way_is_next():
    big, small = waits("capture", of=BIG, minutes=50), waits("capture", of=SMALL, minutes=1)

    assert order(big, small, of=load(big=3, small=1)) == [small, big]


def test_among_equals_who_has_waited_longest_is_next():
    first, second = waits("capture", minutes=2, name=2), waits("capture", minutes=1, name=1)

    assert order(second, first, of=load(big=1)) == [first, second]


@pytest.mark.parametrize(
    ("minutes", "is_first"),
    [(14, False), (29, False), (31, True)],
    ids=["not yet", "still not", "its turn"],
)
def test_maintenance_that_waited_long_takes_turns_with_captures(minutes, is_first):
    old = waits("maintenance", of=SMALL, minutes=minutes)
    new = waits("capture", of=BIG, minutes=0)

    assert (order(new, old)[0] is old) is is_first


def test_nothing_ever_overtakes_a_preview_by_age():
    old, new = waits("maintenance", minutes=10_000), waits("preview", minutes=0)

    assert order(old, new) == [new, old]


LIMITED = {
    "installation": Rules(installation=Rule(most_running=2)),
    "tenant": Rules(tenants={BIG: Rule(most_running=2)}),
    "host": Rules(hosts={(BIG, ""): Rule(most_running=2)}),
}


@pytest.mark.parametrize("scope", LIMITED)
def test_a_limit_holds_back_what_would_exceed_it(scope):
    free = why("capture", LIMITED[scope], load(big=1))
    full = why("capture", LIMITED[scope], load(big=2))

    assert free == ""
    assert "2 of at most 2 runs" in full


@pytest.mark.parametrize(
    ("scope", "held"), [("installation", True), ("tenant", False), ("host", False)]
)
def test_a_limit_of_one_tenant_is_no_concern_of_the_others(scope, held):
    found = why("capture", LIMITED[scope], load(big=2), of=SMALL)

    assert bool(found) is held


def test_a_limit_of_one_host_is_no_concern_of_another():
    assert why("capture", LIMITED["host"], load(big=2), host="db1.example.com") == ""


PAUSED = Rules(
    tenants={BIG: Rule(paused_until=AT + timedelta(hours=2), pause_reason="moving house")},
    zones={BIG: "Europe/Berlin"},
)


@pytest.mark.parametrize(
    ("word", "held"),
    [("restore", False), ("preview", False), ("bulk", False), ("capture", True),
     ("drill", True), ("maintenance", True)],
)  # fmt: skip
def test_a_pause_holds_back_all_but_restores_and_what_watches_over_others(word, held):
    assert bool(why(word, PAUSED)) is held


def test_a_pause_is_told_in_the_zone_of_the_tenant_with_its_reason():
    found = why("capture", PAUSED)

    assert found == "this customer is paused until 20 Nov 2026, 15:00 (moving house)"


def test_a_pause_ends_by_itself():
    over = Rules(tenants={BIG: Rule(paused_until=AT)})

    assert why("capture", over) == ""


def test_a_pause_without_end_names_none():
    paused = Rules(installation=Rule(paused_until=datetime(9999, 1, 1, tzinfo=UTC)))

    assert why("capture", paused) == "this installation is paused"


NIGHTS = Window.of({"days": [1, 2, 3, 4, 5, 6, 7], "from": "22:00", "to": "06:00"})


@pytest.mark.parametrize(
    ("word", "held"), [("capture", True), ("maintenance", False), ("restore", False)]
)
def test_outside_a_window_no_capture_begins(word, held):
    rules = Rules(hosts={(BIG, "web1"): Rule(windows=(NIGHTS,))})

    assert bool(why(word, rules, host="web1")) is held


def test_a_closed_window_says_when_it_opens():
    rules = Rules(tenants={BIG: Rule(windows=(NIGHTS,))}, zones={BIG: "America/New_York"})

    found = why("capture", rules)

    assert found == "the backup window of this customer is closed until Fri 20 Nov, 22:00"


def test_a_zone_that_is_not_known_is_taken_for_utc():
    rules = Rules(tenants={BIG: Rule(windows=(NIGHTS,))}, zones={BIG: "Mars/Olympus"})

    assert "closed until Fri 20 Nov, 22:00" in why("capture", rules)


def test_a_small_tenant_gets_its_turn_among_a_thousand_runs_of_a_big_one():
    """Simulated: two workers; the small tenant's ten captures come after all of the big one's."""
    waiting = [waits("capture", of=BIG, minutes=60 - n / 100, name=n) for n in range(1000)]
    waiting += [waits("capture", of=SMALL, minutes=1, name=2000 + n) for n in range(10)]
    running: list[Waiting] = []
    begun: list[UUID] = []
    for _ in range(40):
        counts = Counter(one.tenant_id for one in running)
        arranged = admission.arrange(waiting, Load(tenants=counts), rules=Rules(), at=AT)
        chosen = arranged[0][0]
        waiting.remove(chosen)
        begun.append(chosen.tenant_id)
        running = [*running[-1:], chosen]

    assert begun.count(SMALL) == 10
