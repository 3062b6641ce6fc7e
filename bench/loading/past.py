"""What an MSP's console has behind it after some months: customers, runs, items, sets, and so on.

Most of it belongs to few: one customer has a quarter of all sources, and a handful of restores has
half of all items. The rows look like those that the product writes, down to the keyed hashes of
the audit log.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bench.loading import words
from webapp.domain.runs import RunState, RunType

Row = dict[str, object]

KINDS = (
    ("site", "www", "/srv/www/{}"),
    ("files", "documents", "/srv/files/{}"),
    ("sqlite", "orders", "/var/lib/{}/orders.db"),
    ("files", "mail", "/srv/mail/{}"),
)
HOSTS = ("web1", "web2", "files1")
_BIG = 0.25  # of all sources, so many are one customer's
_STEP = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of what there is. Runs come to some 15 % more than sets."""

    tenants: int = 200
    sources: int = 2000
    sets: int = 100_000
    items: int = 1_000_000

    def times(self, share: float) -> Size:
        """The same shape in small, for ``--quick`` and for tests."""
        return Size(
            tenants=max(int(self.tenants * share), 4),
            sources=max(int(self.sources * share), 12),
            sets=max(int(self.sets * share), 60),
            items=max(int(self.items * share), 600),
        )


@dataclass(frozen=True)
class Customer:
    id: str
    slug: str
    name: str
    timezone: str


@dataclass(frozen=True)
class Protected:
    """A source with its schedule."""

    id: str
    schedule: str
    tenant: Customer
    kind: str
    name: str
    path: str
    host: str | None
    minute: int  # of the day, when it is captured


@dataclass(frozen=True)
class Done:
    """A run that ended, with what belongs to it. ``set_id``: empty if it left none."""

    id: str
    of: Protected
    run_type: RunType
    action: str
    status: RunState
    at: datetime
    seconds: int
    set_id: str = ""
    items: int = 0
    seed: int = 0


@dataclass
class Past:
    """Everything is drawn from one seed: two benches of one size see the same."""

    size: Size
    now: datetime
    draw: random.Random = field(default_factory=lambda: random.Random(49))

    def __post_init__(self) -> None:
        self.tenants = [self._tenant(number) for number in range(self.size.tenants)]
        self.sources = [self._source(number) for number in range(self.size.sources)]

    def ident(self, at: datetime) -> str:
        """A UUIDv7 of that moment, as 32 digits."""
        bits = self.draw.getrandbits
        return (
            f"{int(at.timestamp() * 1000):012x}7{bits(12):03x}"
            f"{0x8000 | bits(14):04x}{bits(48):012x}"
        )

    @property
    def days(self) -> int:
        """How long it goes back for so many sets, a set a day and source."""
        return self.size.sets // self.size.sources + 4

    @property
    def begun(self) -> datetime:
        return self.now - self.days * _STEP

    def runs(self) -> list[Done]:
        """All that ended, in order of time. Restores have what is left of the items."""
        captures, others = list(self.captures()), self.others()
        given = sum(run.items for run in (*captures, *others))
        restores = [run for run in others if run.run_type is RunType.RESTORE]
        sizes = self._heavy(len(restores), max(self.size.items - given, len(restores)))
        by_id = {run.id: size for run, size in zip(restores, sizes, strict=True)}
        others = [replace(run, items=by_id.get(run.id, run.items)) for run in others]
        return sorted((*captures, *others), key=lambda run: run.at)

    def _heavy(self, count: int, total: int) -> list[int]:
        """*count* numbers that come to about *total*; the largest is a twentieth of it."""
        drawn = [min(self.draw.paretovariate(1.0), count / 4) for _ in range(count)]
        scale = total / sum(drawn)
        sizes = [max(int(min(one * scale, total / 20)), 1) for one in drawn]
        lacking = max(total - sum(sizes), 0) // count
        return [one + lacking for one in sizes]

    def captures(self) -> Iterator[Done]:
        """Every source once a day, in the order of time; a few fail."""
        ordered = sorted(self.sources, key=lambda source: source.minute)
        for day in range(self.days):
            midnight = (self.begun + day * _STEP).replace(hour=0, minute=0, second=0)
            for source in ordered:
                at = midnight + timedelta(minutes=source.minute, seconds=self.draw.random() * 50)
                if at < self.now - timedelta(minutes=30):
                    yield self._capture(source, at)

    def others(self) -> list[Done]:
        """Retention once a day and tenant; now and then a restore, or work on many at once."""
        found = [self._retention(tenant, day) for tenant in self._in_use() for day in self._days()]
        restores, bulks = max(self.size.sets // 100, 3), max(self.size.sets // 200, 2)
        found += [self._by_hand(RunType.RESTORE, "apply") for _ in range(restores)]
        found += [self._by_hand(RunType.BULK, "capture") for _ in range(bulks)]
        return sorted(found, key=lambda run: run.at)

    def _days(self) -> list[datetime]:
        return [self.begun + day * _STEP + timedelta(hours=6) for day in range(self.days - 1)]

    def _in_use(self) -> list[Protected]:
        """One source of each customer that has any."""
        return list({source.tenant.id: source for source in self.sources}.values())

    def _tenant(self, number: int) -> Customer:
        name = (
            f"{words.FIRST[number % len(words.FIRST)]} {words.LAST[number // 7 % len(words.LAST)]}"
        )
        zone = ("Europe/Berlin", "Europe/London", "America/New_York", "UTC")[number % 4]
        made = self.now - timedelta(days=400 - number / 10)
        return Customer(self.ident(made), f"c{number:04}", f"{name} {number}", zone)

    def _source(self, number: int) -> Protected:
        is_big = number < self.size.sources * _BIG
        tenant = self.tenants[0 if is_big else number % (self.size.tenants - 1) + 1]
        kind, word, path = KINDS[number % len(KINDS)]
        name = f"{word}-{number:05}"
        made = self.now - timedelta(days=300)
        return Protected(
            self.ident(made), self.ident(made), tenant, kind, name, path.format(name),
            HOSTS[number % 3] if number % 5 == 0 else None, 60 + number * 7 % 360,
        )  # fmt: skip

    def _capture(self, source: Protected, at: datetime) -> Done:
        chance = self.draw.random()
        status = RunState.SUCCEEDED
        if chance < 0.03:
            status = RunState.PARTIAL
        elif chance < 0.06:
            status = RunState.FAILED
        left_a_set = status is not RunState.FAILED
        return Done(
            self.ident(at), source, RunType.CAPTURE, "scheduled", status, at,
            seconds=int(self.draw.paretovariate(1.2) * 8) % 3600 + 1,
            set_id=self.ident(at) if left_a_set else "",
            items=3 if status is RunState.SUCCEEDED else 12,
            seed=self.draw.getrandbits(30),
        )  # fmt: skip

    def _retention(self, source: Protected, at: datetime) -> Done:
        return Done(
            self.ident(at), source, RunType.MAINTENANCE, "retention", RunState.SUCCEEDED, at,
            seconds=2, items=5, seed=self.draw.getrandbits(30),
        )  # fmt: skip

    def _by_hand(self, run_type: RunType, action: str) -> Done:
        at = self.begun + self.draw.random() * (self.now - self.begun) * 0.99
        source = self.sources[self.draw.randrange(len(self.sources))]
        status = RunState.PARTIAL if self.draw.random() < 0.1 else RunState.SUCCEEDED
        return Done(
            self.ident(at), source, run_type, action, status, at,
            seconds=self.draw.randrange(20, 900), seed=self.draw.getrandbits(30),
            items=100 if run_type is RunType.BULK else 0,
        )  # fmt: skip
