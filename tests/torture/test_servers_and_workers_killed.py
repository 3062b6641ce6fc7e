"""Workers, the scheduler, Redis and PostgreSQL are killed at moments nobody chose, while schedules
are due and people ask for captures, bulk captures and restores. Nothing is lost, nothing doubled,
nothing said that is not so.

A campaign's diary lies in its data folder: what was asked for, what was promised, who was killed
when, and what it had in hand.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories import tenant_called
from tests.installations import prepare, settings_for
from tests.jobs.worker_process import until
from tests.postgres import Cluster, programs
from tests.redis_server import RedisServer, is_installed
from tests.services.conftest import Enter
from tests.services.scheduling import draft
from tests.torture import verdict
from tests.torture.diary import Diary
from tests.torture.doomed import Pace
from tests.torture.killing import Killing
from tests.torture.nursery import Nursery
from tests.torture.people import Customer, Files, People, files_below
from webapp.extensions import db, doorbell
from webapp.models import BackupSet
from webapp.services import captures, processes, schedules, sources, work
from webapp.settings import Settings

SEED = 4
PACE = 12.0  # a minute of the schedules in five seconds
SHORT, LONG, LONG_ON_SQLITE = 20, 200, 60
FILES = 40
WHO = {"acme": "olga", "globex": "charlie"}
TIMES = {"one": "* * * * *", "two": "*/2 * * * *", "three": "*/3 * * * *"}

Begin = Callable[..., Killing]


@pytest.fixture
def lives_on(request: pytest.FixtureRequest) -> str:
    """``servers``: PostgreSQL and Redis; ``files``: SQLite, with nothing installed."""
    return getattr(request, "param", "servers")


@pytest.fixture
def server(lives_on: str) -> Iterator[Cluster | None]:
    """A PostgreSQL that may be killed; what it acknowledged it keeps."""
    if lives_on == "files":
        yield None
        return
    if programs() is None:
        pytest.skip("KILLS ARE NOT TESTED: install postgresql (apt-get install postgresql)")
    server = Cluster(quick=False)
    yield server
    server.stop()


@pytest.fixture
def redis(lives_on: str) -> Iterator[RedisServer | None]:
    if lives_on == "files":
        yield None
        return
    if not is_installed():
        pytest.skip("KILLS ARE NOT TESTED: install redis (apt-get install redis-server)")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def settings(server: Cluster | None, redis: RedisServer | None, tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    if server is None or redis is None:
        settings = settings_for(home)
    else:
        settings = replace(settings_for(home, server.create("lastgood")), queue_url=redis.url)
    prepare(settings)
    return settings


@pytest.fixture
def customers(enter: Enter, tmp_path: Path) -> list[Customer]:
    """Two tenants; each has three sources with a schedule, and a shop that is going to suffer."""
    chance = random.Random(SEED)
    return [_customer(enter, slug, tmp_path / slug, chance) for slug in WHO]


def _customer(enter: Enter, slug: str, root: Path, chance: random.Random) -> Customer:
    made = {}
    for name in (*TIMES, "shop"):
        _fill(root / name, chance)
        config = {"path": str(root / name)}
        made[name] = sources.add(enter(tenant=slug), kind="files", name=name, config=config).id
    for name, cron in TIMES.items():
        facts = {"frequency": "cron", "cron": cron, "time_of_day": None, "retention_keep_last": 3}
        rule = "once" if name == "two" else "skip"
        asked = draft(name=f"{slug}/{name}", missed=rule, **facts)
        schedules.create(enter(tenant=slug), made[name], asked)
    (root / "restored").mkdir()
    return Customer(
        slug=slug,
        person=WHO[slug],
        root=root,
        tenant_id=tenant_called(slug).id,
        base=_captured(enter, slug, made["one"]),
        shop_base=_captured(enter, slug, made["shop"]),
        shop=made.pop("shop"),
        sources=made,
    )


def _fill(folder: Path, chance: random.Random) -> None:
    for number in range(FILES):
        path = folder / f"d{number % 5}" / f"f{number:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(1, 20_000)))


def _captured(enter: Enter, slug: str, source_id: object) -> object:
    """A set made in peace, of which retention takes nothing."""
    reason = f"before the campaign, {source_id}"
    run, _ = captures.start(enter(tenant=slug), source_id, reason=reason)
    run_id = run.id
    work.carry_out(run_id, owner="test")
    db.session.rollback()
    made = db.session.query(BackupSet).filter_by(run_id=run_id).one()
    made.pinned, set_id = True, made.id
    db.session.commit()
    return set_id


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def begin(app, settings, customers, server, redis, nursery) -> Iterator[Begin]:
    """Makes a campaign with a seed; whatever becomes of it, its processes end."""
    doorbell.ring = app.extensions["queue"].ring
    db.session.rollback()
    processes.Presence(db.engine, processes.SCHEDULER).show()  # one was there until now
    begun: list[Killing] = []

    def begin(seed: int) -> Killing:
        draw, diary = random.Random(seed), Diary(settings.home / "diary.txt")
        people = People(diary=diary, draw=draw, customers=customers, healthy=_healthy(customers))
        pace = Pace(origin=time.time(), times=PACE)
        killing = Killing(
            settings=settings, nursery=nursery, app=app, draw=draw, diary=diary, people=people,
            pace=pace, server=server, redis=redis,
        )  # fmt: skip
        begun.append(killing)
        return killing

    yield begin
    for killing in begun:
        killing.end_all()
        killing.diary.close()


def _healthy(customers: list[Customer]) -> dict[str, Files]:
    return {
        f"{one.slug}/{name}": files_below(one.root / name)
        for one in customers
        for name in (*TIMES, "shop")
    }


def survive(killing: Killing, kills: int) -> None:
    """The campaign, and all that must hold behind it."""
    killing.go(kills)
    killing.settle()
    scratch = killing.settings.scratch
    assert until(lambda: not list(scratch.iterdir()), seconds=20)
    killing.stop()
    problems = [*killing.problems, *verdict.all_of(killing.people, killing.settings)]
    left = [one.name for one in killing.dead if one.has_left_children()]
    killing.diary.note(f"kills: {dict(killing.kills)}; waited: {summed_up(killing.waited)}")
    killing.diary.note(f"runs: {verdict.runs_by_end()}")

    assert "\n".join(problems) == "", f"{killing.diary.path}\n{killing.diary.tail()}"
    assert left == []
    assert killing.kills.total() >= kills


def summed_up(seconds: list[float]) -> str:
    if not seconds:
        return "nobody"
    half, most = statistics.median(seconds), max(seconds)
    return f"{len(seconds)} runs, half of them {half:.1f} s at most, none more than {most:.1f} s"


def works_in_peace(killing: Killing) -> None:
    """After all that, nothing needs a repair: a capture and a restore go through at once."""
    people = killing.people
    for customer in people.customers:
        for source_id in customer.sources.values():
            run, _ = captures.start(people.enter(customer), source_id, reason="in peace")
            run_id = run.id
            work.carry_out(run_id, owner="test")
            db.session.rollback()
            made = db.session.query(BackupSet).filter_by(run_id=run_id).one()
            assert made.status == "completed"
            db.session.rollback()


@pytest.mark.torture
@pytest.mark.timeout(400)
def test_twenty_kills_lose_nothing_and_double_nothing(begin):
    killing = begin(SEED)

    survive(killing, SHORT)

    assert set(killing.kills) == {"worker", "scheduler", "redis", "postgres"}
    works_in_peace(killing)


@pytest.mark.torture_long
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing_and_double_nothing(begin):
    killing = begin(SEED + 1)

    survive(killing, LONG)

    works_in_peace(killing)


@pytest.mark.torture_long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("lives_on", ["files"], indirect=True)
def test_on_one_machine_with_nothing_installed_kills_lose_and_double_nothing(begin):
    killing = begin(SEED + 2)

    survive(killing, LONG_ON_SQLITE)

    works_in_peace(killing)
