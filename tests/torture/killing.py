"""Who kills: workers, the scheduler, Redis and PostgreSQL, one after the other, and starts them
again, while people go on asking for work."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from tests.jobs.worker_process import LEASE_SECONDS
from tests.postgres import Cluster
from tests.redis_server import RedisServer
from tests.torture.diary import Diary
from tests.torture.doomed import NO_FUSE, Doomed, Pace
from tests.torture.nursery import Nursery
from tests.torture.people import People
from webapp.database import FAILURES, by_row_locks
from webapp.domain.runs import ACTIVE, RunState
from webapp.extensions import db
from webapp.models import Run
from webapp.services.sweeping import RING_AGAIN
from webapp.settings import Settings

WORKERS = 2
DECK = ("worker",) * 10 + ("scheduler",) * 4 + ("redis",) * 3 + ("postgres",) * 3
BUSY_SECONDS = 15.0  # what a loaded machine adds to anything
# After a death: the lease ends, and by then somebody has heard that there is work.
TAKEN_OVER_SECONDS = LEASE_SECONDS + RING_AGAIN.total_seconds() + BUSY_SECONDS
_SETTLE_SECONDS = 300.0


@dataclass(kw_only=True)
class Orphan:
    """A run whose worker was killed: when, and which fencing token that worker had."""

    fence: int
    since: float


@dataclass(kw_only=True)
class Killing:
    """Attributes:
    server, redis: None where the installation lives without; then they are not killed either.
    waited: how long each orphan had to wait until somebody else had it, or it had ended.
    """

    settings: Settings
    nursery: Nursery
    app: Any
    draw: random.Random
    diary: Diary
    people: People
    pace: Pace
    server: Cluster | None
    redis: RedisServer | None
    kills: Counter[str] = field(default_factory=Counter)
    waited: list[float] = field(default_factory=list)
    dead: list[Doomed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _workers: list[Doomed] = field(default_factory=list)
    _scheduler: Doomed | None = None
    _orphans: dict[UUID, Orphan] = field(default_factory=dict)

    def go(self, kills: int) -> None:
        """Start everything and kill *kills* times."""
        for _ in range(WORKERS):
            self._workers.append(self._start("worker"))
        self._scheduler = self._start("scheduler")
        cards = self._cards(kills)
        while cards:
            for kind in self._reap():
                with suppress(ValueError):  # one more than was wanted
                    cards.remove(kind)
            if cards and not self._step(cards[-1]):
                continue  # its victim was dead already
            del cards[-1:]

    def settle(self) -> None:
        """Nobody is killed any more, and no minute begins: everything ends."""
        self._reap(fuses=False)
        self._end(self._scheduler)
        self._scheduler = None
        self._until("every run has ended", self._is_quiet, seconds=_SETTLE_SECONDS)

    def stop(self) -> None:
        for one in (*self._workers, self._scheduler):
            self._end(one)

    def end_all(self) -> None:
        """Whatever became of the campaign: nothing of it goes on."""
        for one in (*self._workers, self._scheduler):
            if one is not None and not one.is_dead:
                one.kill()

    def _end(self, one: Doomed | None) -> None:
        """As a service manager does it; what is dead is left so."""
        if one is None or one.is_dead:
            return
        self._until(f"{one.name} is at work", lambda: one.is_dead or one.is_at_work)
        code = one.stop()
        self.dead.append(one)
        self.diary.note(f"{one.name} stopped with {code}")
        if code:
            self.problems.append(f"{one.name} stopped with {code}: {one.said[-2000:]}")

    def _cards(self, kills: int) -> list[str]:
        """So many, in an order that chance chose, and of each sort its share."""
        deck = [card for card in DECK if self._can(card)]
        cards: list[str] = []
        while len(cards) < kills:
            cards += self.draw.sample(deck, len(deck))
        return cards[:kills]

    def _can(self, card: str) -> bool:
        needs = {"redis": self.redis, "postgres": self.server}
        return needs.get(card, True) is not None

    def _step(self, card: str) -> bool:
        """Say whether somebody was killed."""
        for _ in range(2):
            self.people.act()
            self._live(self.draw.uniform(0.1, 0.8))
        kill = {"worker": self._worker, "scheduler": self._clock, "redis": self._queue}
        return kill.get(card, self._database)()

    def _live(self, seconds: float) -> None:
        """Let them work for a while, and look who takes over what."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._look_after_orphans()
            time.sleep(0.1)

    def _worker(self) -> bool:
        number = self.draw.randrange(WORKERS)
        victim = self._workers[number]
        self._until(f"{victim.name} is at work", lambda: victim.is_dead or victim.is_at_work)
        if victim.is_dead:
            return False  # by its own fuse; it is found by who reaps
        victim.kill()
        self._note_death(victim, "killed", self._held_by(victim))
        self._workers[number] = self._start("worker")
        return True

    def _clock(self) -> bool:
        victim = self._scheduler
        assert victim is not None
        self._until(f"{victim.name} is at work", lambda: victim.is_dead or victim.is_at_work)
        if victim.is_dead:
            return False
        victim.kill()
        self._note_death(victim, "killed")
        self._live(self.draw.choice((0.0, 0.0, 3.0)))  # minutes pass without it
        self._scheduler = self._start("scheduler")
        return True

    def _queue(self) -> bool:
        """Redis dies and has forgotten everything when it is back; or it forgets, and lives."""
        assert self.redis is not None
        self.redis.kill()
        self.kills["redis"] += 1
        self.diary.note("redis killed")
        began = time.monotonic()
        self.people.act()
        self._live(self.draw.uniform(0.0, 1.5))
        self.redis.start()
        self.diary.note("redis is back, and empty")
        self._excuse(time.monotonic() - began)
        if self.draw.random() < 0.5:
            self._live(0.5)
            self.redis.empty()
            self.diary.note("redis emptied")
        return True

    def _database(self) -> bool:
        assert self.server is not None
        self.server.kill()
        self.kills["postgres"] += 1
        self.diary.note("postgres killed")
        began = time.monotonic()
        self.people.act()
        if (answer := self._readiness()) != 503:
            self.problems.append(f"/readyz says {answer} while the database is dead")
        self._live(self.draw.uniform(0.0, 1.0))
        self.server.start()
        self.diary.note("postgres is back")
        self._until("/readyz says 200 again", lambda: self._readiness() == 200)
        self._excuse(time.monotonic() - began)
        return True

    def _excuse(self, seconds: float) -> None:
        """Nobody could take anything over for so long."""
        for orphan in self._orphans.values():
            orphan.since += seconds

    def _readiness(self) -> int:
        return int(self.app.test_client().get("/readyz").status_code)

    def _reap(self, *, fuses: bool = True) -> list[str]:
        """Start again what died by its own fuse; what that was."""
        found = []
        for number, worker in enumerate(self._workers):
            if worker.is_dead:
                self._note_death(worker, f"dead by {worker.fuse}", self._held_by(worker))
                self._workers[number] = self._start("worker", fuses=fuses)
                found.append("worker")
        if self._scheduler is not None and self._scheduler.is_dead:
            self._note_death(self._scheduler, f"dead by {self._scheduler.fuse}")
            self._scheduler = self._start("scheduler", fuses=fuses)
            found.append("scheduler")
        return found

    def _start(self, kind: str, *, fuses: bool = True) -> Doomed:
        fuse = NO_FUSE
        if fuses and self.draw.random() < 0.5:
            longest = {"worker": 80, "scheduler": 12}[kind]
            fuse = f"{self.draw.choice(('before', 'after'))}:{self.draw.randint(2, longest)}"
        made = Doomed(kind, self.nursery, self.settings, pace=self.pace, fuse=fuse)
        self.diary.note(f"{made.name} started, pid {made.process.pid}, fuse {fuse}")
        return made

    def _note_death(
        self, victim: Doomed, how: str, held: Mapping[UUID, int] = MappingProxyType({})
    ) -> None:
        code = victim.process.wait()
        self.kills[victim.kind] += 1
        self.dead.append(victim)
        runs = ", ".join(f"{run_id} (fence {fence})" for run_id, fence in held.items())
        self.diary.note(f"{victim.name} {how}; it held {runs or 'nothing known'}")
        if code != -9:
            self.problems.append(f"{victim.name} ended with {code}: {victim.said[-2000:]}")
        now = time.monotonic()
        self._orphans |= {key: Orphan(fence=fence, since=now) for key, fence in held.items()}

    def _held_by(self, victim: Doomed) -> dict[UUID, int]:
        """The runs that a worker has in hand, by its own word, and their fencing tokens."""
        query = select(Run.id, Run.fence).where(
            Run.status == RunState.RUNNING, Run.lease_owner.endswith(f":{victim.process.pid}")
        )
        return {run_id: fence for run_id, fence in self._rows(query)}

    def _look_after_orphans(self) -> None:
        query = select(Run.id, Run.fence, Run.status).where(Run.id.in_(list(self._orphans)))
        for run_id, fence, status in self._rows(query) if self._orphans else ():
            orphan = self._orphans[run_id]
            seconds = time.monotonic() - orphan.since
            if status is not RunState.RUNNING or fence != orphan.fence:
                del self._orphans[run_id]
                self.waited.append(seconds)
            elif seconds > TAKEN_OVER_SECONDS:
                del self._orphans[run_id]
                self.problems.append(f"nobody took {run_id} over for {seconds:.0f} s")

    def _is_quiet(self) -> bool:
        self._reap(fuses=False)
        self.people.follow_up()
        self._look_after_orphans()
        open_runs = select(func.count()).where(Run.status.in_(ACTIVE))
        return not self.people.waits_for_something and self._rows(open_runs) == [(0,)]

    def _rows(self, query: Any) -> list[Any]:
        """What the database says; nothing where it does not answer."""
        try:
            with by_row_locks():  # who only looks must not hold up those who work
                return list(db.session.execute(query))
        except FAILURES:
            return []
        finally:
            with suppress(*FAILURES):
                db.session.rollback()

    def _until(self, what: str, holds: Callable[[], bool], *, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not in {seconds} s: {what}\n{self.diary.tail()}"
            time.sleep(0.2)
