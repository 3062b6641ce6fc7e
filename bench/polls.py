"""What 200 polls a second do to a capture, and a capture to them.

    python -m bench.polls [--quick] [--database sqlite] [--rounds 3] [--megabytes 3000] [--rate 200]

The real ``lastgood web`` and ``lastgood worker``: the worker has one core to itself, web server and
generator share the other. By turns a capture alone and one whose progress twenty people watch,
each into a vault of its own, of one tree that lies in the page cache. A poll is late from the
moment at which it was meant to be sent. Allowed to the watched capture is the share of all cores
that web server and generator measurably used, and 10 % more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask, url_for

from bench.loading import commands, installations, report
from bench.loading.commands import ROOT, Command, wait_until
from webapp import clock, create_app
from webapp.domain.actors import SYSTEM
from webapp.domain.permissions import Permission, Role
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Membership, Run, Source, Tenant, User
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import captures
from webapp.settings import Settings

P95_MS, MORE = 25.0, 0.10
WORKER_CORES, WEB_CORES = frozenset({0}), frozenset({1})
_PEOPLE = 20
_LONG_SECONDS = 600


@dataclass(frozen=True)
class Bench:
    app: Flask
    settings: Settings
    tree: Path
    rate: float
    people: list[UUID]


def main() -> int:
    options, all_cores = _options(), os.sched_getaffinity(0)
    result: dict[str, Any] = {"databases": {}, "missed": []}
    with tempfile.TemporaryDirectory(dir=options.work, prefix="bench-polls-") as name:
        tree = Path(name) / "tree"
        make_tree(tree, options.megabytes)
        for kind in report.databases(options):
            os.sched_setaffinity(0, all_cores)
            found = result["databases"][kind] = _measure(kind, tree, options)
            result["missed"] += _missed(kind, found)
    return report.finish("polls", options, result, _lines(result["databases"], options))


def make_tree(tree: Path, megabytes: int) -> None:
    """Files as on a web site: most are small, a third does not compress."""
    draw, left, number = random.Random(11), megabytes * 1_000_000, 0
    words = [draw.randbytes(draw.randint(2, 9)).hex().encode() for _ in range(2000)]
    while left > 0:
        folder = tree / f"{number // 200:04}"
        folder.mkdir(parents=True, exist_ok=True)
        size = min(int(draw.paretovariate(1.1) * 8000), 20_000_000, left)
        text = b" ".join(draw.choices(words, k=min(size, 100_000) // 6 + 1))
        data = draw.randbytes(size) if number % 3 else (text * (size // len(text) + 1))[:size]
        (folder / f"{number:06}.dat").write_bytes(data)
        left, number = left - size, number + 1
    os.sync()
    time.sleep(2.5)  # younger files are read again, which is not what is measured


def _measure(kind: str, tree: Path, options: argparse.Namespace) -> dict[str, Any]:
    with installations.installed(kind, options.work) as settings:
        os.sched_setaffinity(0, WEB_CORES)  # the database server may use any
        app = create_app(settings)
        with app.app_context():
            people = _people()
        bench = Bench(app, settings, tree, options.rate, people)
        port = commands.free_port()
        with (
            commands.running(settings, "worker", "-w", "1", cores=WORKER_CORES),
            commands.running(settings, "web", "--port", str(port), cores=WEB_CORES) as web,
        ):
            wait_until(lambda: commands.answers(port), seconds=60)
            rounds = [_round(bench, web, port, number) for number in range(options.rounds)]
        with app.app_context():
            db.engine.dispose()
    return _summary(rounds)


def _round(bench: Bench, web: Command, port: int, number: int) -> dict[str, Any]:
    """One capture alone, and one that is watched; which is first changes each time."""
    found: dict[str, Any] = {}
    for is_watched in (number % 2 == 1, number % 2 == 0):
        run_id, slug = _start(bench, f"n{number}{'w' if is_watched else 'a'}")
        if is_watched:
            found |= _watch(bench, web, port, run_id=run_id, slug=slug)
        else:
            wait_until(partial(_ended, bench, run_id), seconds=_LONG_SECONDS, pause=0.5)
        found["watched" if is_watched else "alone"] = _seconds_of(bench, run_id)
        shutil.rmtree(bench.settings.vaults, ignore_errors=True)
    report.say(f"  { ({key: one for key, one in found.items() if key != 'milliseconds'}) }")
    return found


def _watch(bench: Bench, web: Command, port: int, *, run_id: UUID, slug: str) -> dict[str, Any]:
    """Polls from the beginning of the capture to its end."""
    wait_until(lambda: _state(bench, run_id) is RunState.RUNNING, seconds=60, pause=0.05)
    plan = {
        "port": port, "rate": bench.rate, "connections": 2 * _PEOPLE, "cores": list(WEB_CORES),
        "requests": _requests(bench, run_id, slug),
    }  # fmt: skip
    place = bench.settings.home / "traffic.json"
    place.write_text(json.dumps(plan))
    busy, began = web.cpu_seconds(), time.monotonic()
    words = [sys.executable, "-m", "bench.loading.traffic", str(place)]
    traffic = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)
    wait_until(lambda: _ended(bench, run_id), seconds=_LONG_SECONDS, pause=0.5)
    traffic.terminate()
    said, _ = traffic.communicate(timeout=60)
    seconds, facts = time.monotonic() - began, json.loads(said)
    used = web.cpu_seconds() - busy + facts["cpu_seconds"]
    return {
        "milliseconds": facts["milliseconds"], "lost": facts["lost"], "bad": facts["bad"],
        "reconnected": facts["reconnected"], "cpu_seconds": round(used, 1),
        "share": round(used / seconds / len(WORKER_CORES | WEB_CORES), 3),
        "rate": round(len(facts["milliseconds"]) / facts["seconds"], 1),
    }  # fmt: skip


def _requests(bench: Bench, run_id: UUID, slug: str) -> list[str]:
    """What the open pages of twenty people ask for."""
    with bench.app.test_request_context():
        address = url_for("runs.progress", tenant_slug=slug, run_id=run_id)
    return [
        f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nHX-Request: true\r\n"
        f"Cookie: {_cookie(bench.app, user_id)}\r\n\r\n"
        for user_id in bench.people
    ]


def _cookie(app: Flask, user_id: UUID) -> str:
    client, name = app.test_client(), str(app.config["SESSION_COOKIE_NAME"])
    with client.session_transaction() as session:
        session.permanent = True
        session.update({"_user_id": f"{user_id}.0", "_fresh": False, "begun": int(time.time())})
    cookie = client.get_cookie(name)
    assert cookie is not None
    return f"{name}={cookie.value}"


def _people() -> list[UUID]:
    people = [
        User(id=new_id(), email=f"bob{n}@example.com", created_at=clock.now())
        for n in range(_PEOPLE)
    ]
    db.session.add_all(people)
    db.session.commit()
    return [person.id for person in people]


def _start(bench: Bench, slug: str) -> tuple[UUID, str]:
    """A capture of the tree by a customer of its own, whom all the people may see."""
    with bench.app.app_context():
        tenant = Tenant(
            id=new_id(), slug=slug, name=slug, granted_roots=[str(bench.tree)],
            created_at=clock.now(),
        )  # fmt: skip
        db.session.add(tenant)
        db.session.flush()
        source = Source(
            id=new_id(), tenant_id=tenant.id, kind="files", name="tree",
            config={"path": str(bench.tree)}, created_at=clock.now(),
        )  # fmt: skip
        db.session.add(source)
        db.session.add_all(
            Membership(tenant_id=tenant.id, user_id=user_id, role=Role.VIEWER)
            for user_id in bench.people
        )
        db.session.commit()
        run, _ = captures.start(gate.enter(SYSTEM, slug, Permission.OPERATE), source.id)
        run_id = run.id
        db.session.remove()
    return run_id, slug


def _state(bench: Bench, run_id: UUID) -> RunState:
    return _run(bench, run_id).status


def _ended(bench: Bench, run_id: UUID) -> bool:
    return _state(bench, run_id).is_final


def _seconds_of(bench: Bench, run_id: UUID) -> float:
    run = _run(bench, run_id)
    assert run.status is RunState.SUCCEEDED, run.failure_reason
    assert run.started_at is not None
    assert run.finished_at is not None
    return round((run.finished_at - run.started_at).total_seconds(), 2)


def _run(bench: Bench, run_id: UUID) -> Run:
    """As it is now; looked at like a page does, which keeps no writer waiting."""
    with bench.app.test_request_context():
        run = db.session.get_one(Run, run_id)
        db.session.expunge(run)
        db.session.remove()
    return run


def _summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    polls = [took for one in rounds for took in one["milliseconds"]]
    alone = statistics.median(one["alone"] for one in rounds)
    watched = statistics.median(one["watched"] for one in rounds)
    share = statistics.median(one["share"] for one in rounds)
    return {
        "polls": len(polls),
        "rate": statistics.median(one["rate"] for one in rounds),
        "median_ms": round(statistics.median(polls), 1),
        "p95_ms": round(report.share(polls, 0.95), 1),
        "p99_ms": round(report.share(polls, 0.99), 1),
        "most_ms": round(max(polls), 1),
        "lost": sum(one["lost"] + one["bad"] for one in rounds),
        "alone_seconds": [one["alone"] for one in rounds],
        "watched_seconds": [one["watched"] for one in rounds],
        "slower": round(watched / alone - 1, 3),
        "share": share,
        "allowed": round(share + MORE, 3),
    }


def _missed(kind: str, found: dict[str, Any]) -> Iterator[str]:
    if found["p95_ms"] > P95_MS:
        yield f"{kind}: p95 of the fragment {found['p95_ms']} ms, wanted {P95_MS:.0f}"
    if found["lost"]:
        yield f"{kind}: {found['lost']} of {found['polls']} polls had no good answer"
    if found["slower"] > found["allowed"]:
        yield f"{kind}: the capture is {found['slower']:.1%} slower, {found['allowed']:.1%} allowed"


def _lines(found: dict[str, Any], options: argparse.Namespace) -> Iterator[str]:
    yield "## Polls beside a capture, by `bench/polls.py`"
    yield from ("", f"{options.rate:.0f} polls a second of a run's progress by {_PEOPLE} people;")
    yield f"captures of {options.megabytes:,} MB on one core, web server and generator on the"
    yield f"other; rounds: {options.rounds}."
    heads = (
        "polls a second", "median, p95, p99, most", "without a good answer", "capture alone",
        "watched", "slower", "of all CPU used by web and generator",
    )  # fmt: skip
    yield from ("", "| | " + " | ".join(heads) + " |")
    yield "|---|---|---|---|---|---|---|---|"
    for kind, one in found.items():
        times = ", ".join(
            f"{one[name]:.1f}" for name in ("median_ms", "p95_ms", "p99_ms", "most_ms")
        )
        yield (
            f"| {kind} | {one['rate']} | {times} ms | {one['lost']} | "
            f"{statistics.median(one['alone_seconds']):.1f} s | "
            f"{statistics.median(one['watched_seconds']):.1f} s | {one['slower']:+.1%} "
            f"(allowed {one['allowed']:.0%}) | {one['share']:.0%} |"
        )


def _options() -> argparse.Namespace:
    parser = report.parser(__doc__ or "")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--megabytes", type=int)
    parser.add_argument("--rate", type=float, default=200.0)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.megabytes = options.megabytes or (400 if options.quick else 3000)
    return options


if __name__ == "__main__":
    sys.exit(main())
