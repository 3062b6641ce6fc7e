"""How long one tick takes that turns many due schedules into runs.

    python -m bench.dispatch [--schedules 10000] [--tenants 1000] [--dispatchers 1]

Everything is as in use: a migrated database on disk with full synchronisation, keys, audit chains,
and the real queue, into which the doorbell rings for every run.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import func, insert, select

from webapp import create_app
from webapp.domain.schedules import Frequency
from webapp.extensions import db
from webapp.models import AuditEntry, BackupSchedule, BackupScheduleRun, Run, Source, Tenant
from webapp.models.columns import new_id
from webapp.services import keys, schedules
from webapp.settings import Settings

MADE = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DUE = datetime(2026, 7, 2, 0, 0, tzinfo=UTC)
TIMES = {"UTC": "00:00", "Europe/Berlin": "02:00", "America/New_York": "20:00"}


def prepared(home: Path) -> Flask:
    settings = Settings(
        home=home,
        database_url=f"sqlite:///{home / 'lastgood.db'}",
        queue_url=f"sqlite:///{home / 'queue.db'}",
        master_key_file=home / "master.key",
    )
    with create_app(settings, unlock=False).app_context():
        flask_migrate.upgrade()
        keys.create(settings)
        db.session.remove()
    return create_app(settings)


def fill(*, tenants: int, count: int) -> None:
    """Tenants with as many sources and schedules each; a third of them by cron, in three zones."""
    zones = tuple(TIMES)
    ids = [new_id() for _ in range(tenants)]
    sources = [{"id": new_id(), "tenant_id": ids[n % tenants]} for n in range(count)]
    db.session.execute(
        insert(Tenant),
        [
            {"id": id_, "slug": f"t{n}", "name": f"Tenant {n}", "created_at": MADE}
            for n, id_ in enumerate(ids)
        ],
    )
    db.session.execute(
        insert(Source),
        [
            {**s, "kind": "files", "name": f"s{n}", "config": {"path": "/x"}, "created_at": MADE}
            for n, s in enumerate(sources)
        ],
    )
    db.session.execute(
        insert(BackupSchedule),
        [
            {
                "id": new_id(),
                "tenant_id": source["tenant_id"],
                "source_id": source["id"],
                "name": f"nightly {n}",
                "frequency": Frequency.CRON if n % 3 == 0 else Frequency.DAILY,
                "cron": "0 * * * *" if n % 3 == 0 else None,
                "time_of_day": TIMES[zones[n % 3]] if n % 3 else None,
                "timezone": zones[n % 3],
                "evaluated_until": DUE - timedelta(minutes=1),
                "next_run_at": DUE,
                "created_at": MADE,
            }
            for n, source in enumerate(sources)
        ],
    )
    db.session.commit()


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--dispatchers", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        app = prepared(Path(home))
        with app.app_context():
            fill(tenants=wanted.tenants, count=wanted.schedules)
        began, busy = time.monotonic(), time.process_time()
        done = tick(app, wanted.dispatchers)
        seconds, busy = time.monotonic() - began, time.process_time() - busy
        with app.app_context():
            counted = select(func.count()).select_from
            rows = {
                model.__tablename__: db.session.scalar(counted(model))
                for model in (BackupScheduleRun, Run, AuditEntry)
            }
        waiting = len(app.extensions["queue"].pending())
    started = sum(one.started for one in done)
    took = f"{seconds:.1f} s ({busy:.1f} s of processor time)"
    print(f"{started} runs in {took} with {wanted.dispatchers} dispatchers; {rows}")
    print(f"{waiting} messages in the queue")


if __name__ == "__main__":
    main()
