"""How long one tick takes that turns many due schedules into runs, and what a worker then needs to
choose one of them.

    python -m bench.dispatch [--quick] [--schedules 10000] [--tenants 1000] [--dispatchers 1]
                             [--database sqlite postgresql]

Everything is as in use: a migrated database on disk with full synchronisation, keys, audit chains,
and the real queue, into which the doorbell rings for every run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from bench.loading import installations, report, tables
from webapp import create_app
from webapp.domain.schedules import Frequency
from webapp.extensions import db
from webapp.models import AuditEntry, BackupSchedule, BackupScheduleRun, Run, Source, Tenant
from webapp.models.columns import new_id
from webapp.services import picking, schedules

MADE = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DUE = datetime(2026, 7, 2, 0, 0, tzinfo=UTC)
TIMES = {"UTC": "00:00", "Europe/Berlin": "02:00", "America/New_York": "20:00"}
SECONDS = 10.0
_CHOSEN = 50


def fill(*, tenants: int, count: int) -> None:
    """Tenants with as many sources and schedules each; a third of them by cron, in three zones."""
    zones = tuple(TIMES)
    ids = [new_id() for _ in range(tenants)]
    sources = [{"id": new_id(), "tenant_id": ids[n % tenants]} for n in range(count)]
    tables.insert(
        Tenant,
        (
            {"id": id_, "slug": f"t{n}", "name": f"Tenant {n}", "created_at": MADE}
            for n, id_ in enumerate(ids)
        ),
    )
    tables.insert(
        Source,
        (
            {**s, "kind": "files", "name": f"s{n}", "config": {"path": "/x"}, "created_at": MADE}
            for n, s in enumerate(sources)
        ),
    )
    tables.insert(
        BackupSchedule,
        (
            {
                "id": new_id(),
                "tenant_id": source["tenant_id"],
                "source_id": source["id"],
                "name": f"nightly {n}",
                "frequency": (Frequency.CRON if n % 3 == 0 else Frequency.DAILY).value,
                "cron": "0 * * * *" if n % 3 == 0 else None,
                "time_of_day": TIMES[zones[n % 3]] if n % 3 else None,
                "timezone": zones[n % 3],
                "evaluated_until": DUE - timedelta(minutes=1),
                "next_run_at": DUE,
                "created_at": MADE,
            }
            for n, source in enumerate(sources)
        ),
    )
    installations.settle()


def tick(app: Flask, dispatchers: int) -> list[schedules.Dispatched]:
    done = []

    def one() -> None:
        with app.app_context():
            done.append(schedules.dispatch(at=DUE))
            db.session.remove()

    threads = [threading.Thread(target=one) for _ in range(dispatchers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def choose(app: Flask) -> float:
    """The milliseconds in which a worker takes one of those that wait; median."""
    found = []
    with app.app_context():
        for _ in range(_CHOSEN):
            began = time.perf_counter()
            picking.next_due(owner="bench", at=datetime.now(UTC))
            found.append((time.perf_counter() - began) * 1000)
        db.session.remove()
    return round(statistics.median(found), 1)


def measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    with installations.installed(kind, options.work) as settings:
        app = create_app(settings)
        with app.app_context():
            fill(tenants=options.tenants, count=options.schedules)
        began, busy = time.monotonic(), time.process_time()
        done = tick(app, options.dispatchers)
        found = {
            "seconds": round(time.monotonic() - began, 2),
            "cpu_seconds": round(time.process_time() - busy, 2),
            "started": sum(one.started for one in done),
            "rows": _rows(app),
            "messages": len(app.extensions["queue"].pending()),
            "choose_ms": choose(app),
        }
        with app.app_context():
            db.engine.dispose()
    report.say(f"{kind}: {found}")
    return found


def _rows(app: Flask) -> dict[str, int]:
    counted = select(func.count()).select_from
    with app.app_context():
        found = {
            model.__tablename__: db.session.scalar(counted(model)) or 0
            for model in (BackupScheduleRun, Run, AuditEntry)
        }
        db.session.remove()
    return found


def _missed(kind: str, found: dict[str, Any], wanted: int) -> Iterator[str]:
    if found["seconds"] > SECONDS:
        yield f"{kind}: {found['seconds']} s, wanted {SECONDS:.0f}"
    if {found["started"], found["messages"], *found["rows"].values()} != {wanted}:
        yield f"{kind}: not {wanted:,} of each: {found}"


def _lines(found: dict[str, Any], options: argparse.Namespace) -> Iterator[str]:
    yield "## Dispatching, by `bench/dispatch.py`"
    yield from ("", f"{options.schedules:,} schedules of {options.tenants:,} customers, due in")
    yield f"the same minute; dispatchers: {options.dispatchers}."
    yield from ("", "| | a tick | of that CPU of ours | a worker chooses one of them in |")
    yield "|---|---|---|---|"
    for kind, one in found.items():
        cells = f"{one['seconds']:.1f} s | {one['cpu_seconds']:.1f} s | {one['choose_ms']:.0f} ms"
        yield f"| {kind} | {cells} |"


def main() -> int:
    parser = report.parser(__doc__ or "")
    parser.add_argument("--schedules", type=int)
    parser.add_argument("--tenants", type=int)
    parser.add_argument("--dispatchers", type=int, default=1)
    options = parser.parse_args()
    options.schedules = options.schedules or (1000 if options.quick else 10_000)
    options.tenants = options.tenants or options.schedules // 10
    result: dict[str, Any] = {"databases": {}, "missed": []}
    for kind in report.databases(options):
        found = result["databases"][kind] = measure(kind, options)
        result["missed"] += _missed(kind, found, options.schedules)
    return report.finish("dispatch", options, result, _lines(result["databases"], options))


if __name__ == "__main__":
    sys.exit(main())
