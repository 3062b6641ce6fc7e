"""How long the first page takes an MSP admin of many customers.

    python -m bench.overview [--quick] [--tenants 1000] [--sources 10] [--runs 7] [--times 15]
                             [--database sqlite:///kept.db]

A migrated database on disk: each source with a schedule (one in twenty has none), a run and a
backup set a day for a week, some of them failed, partial or too old. Measured are the request as
the server answers it (without a network), its parts, and how many queries each needs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import event, func, insert, select, text

from webapp import clock, create_app
from webapp.domain.actors import Actor
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import Frequency
from webapp.extensions import db
from webapp.models import BackupSchedule, BackupSet, Run, Source, Tenant, User, VaultRecord
from webapp.models.columns import new_id
from webapp.services import keys, overview, unprotected
from webapp.settings import Settings

ROOT = Actor(label="bench", is_msp_admin=True)
_MOST_ROWS = 5000


def prepared(home: Path, database_url: str) -> Flask:
    settings = Settings(
        home=home,
        database_url=database_url,
        queue_url=f"sqlite:///{home / 'queue.db'}",
        master_key_file=home / "master.key",
    )
    with create_app(settings, unlock=False).app_context():
        flask_migrate.upgrade()
        keys.create(settings)
        db.session.remove()
    return create_app(settings)


def fill(*, tenants: int, sources: int, runs: int) -> None:
    """Everything in batches, newest last, as it would have come into being."""
    now = clock.now()
    people = [{"id": new_id(), "email": "root@example.com", "is_msp_admin": True}]
    db.session.execute(insert(User), [{**one, "created_at": now} for one in people])
    customers = [
        {"id": new_id(), "slug": f"t{n}", "name": f"Customer {n:04}", "created_at": now}
        for n in range(tenants)
    ]
    _store(Tenant, customers)
    _store(VaultRecord, [_vault(one["id"]) for one in customers])
    held = [
        {"id": new_id(), "tenant_id": customer["id"], "kind": "files", "name": f"Source {n}",
         "config": {"path": f"/srv/{n}"}, "created_at": now - timedelta(days=runs + 1)}
        for customer in customers for n in range(sources)
    ]  # fmt: skip
    _store(Source, held)
    _store(BackupSchedule, [_schedule(one) for n, one in enumerate(held) if n % 20])
    for day in range(runs, 0, -1):
        made = [
            _run(one, n, now - timedelta(days=day, minutes=n % 600)) for n, one in enumerate(held)
        ]
        _store(Run, made)
        _store(BackupSet, [_set(run) for run in made if run["status"] is not RunState.FAILED])
    db.session.commit()


def _store(model: type, rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), _MOST_ROWS):
        db.session.execute(insert(model), rows[start : start + _MOST_ROWS])


def _vault(tenant_id: object) -> dict[str, object]:
    return {
        "id": new_id(), "tenant_id": tenant_id, "location": "v", "vault_id": str(new_id()),
        "stored_bytes": 10**9, "created_at": clock.now(),
    }  # fmt: skip


def _schedule(source: dict[str, object]) -> dict[str, object]:
    now = clock.now()
    return {
        "id": new_id(), "tenant_id": source["tenant_id"], "source_id": source["id"],
        "name": "Nightly", "frequency": Frequency.DAILY, "time_of_day": "02:30",
        "evaluated_until": now, "next_run_at": now + timedelta(hours=5), "created_at": now,
    }  # fmt: skip


def _run(source: dict[str, object], number: int, at: object) -> dict[str, object]:
    states = {0: RunState.FAILED, 1: RunState.PARTIAL}
    return {
        "id": new_id(), "tenant_id": source["tenant_id"], "source_id": source["id"],
        "run_type": RunType.CAPTURE, "action": "capture", "requested_by": "schedule",
        "status": states.get(number % 50, RunState.SUCCEEDED), "idempotency_key": str(new_id()),
        "queued_at": at, "started_at": at, "finished_at": at,
    }  # fmt: skip


def _set(run: dict[str, object]) -> dict[str, object]:
    is_good = run["status"] is RunState.SUCCEEDED
    return {
        "id": new_id(), "tenant_id": run["tenant_id"], "source_id": run["source_id"],
        "run_id": run["id"], "name": "Nightly", "backup_type": BackupType.FULL,
        "status": SetStatus.COMPLETED if is_good else SetStatus.PARTIAL,
        "started_at": run["queued_at"], "finished_at": run["finished_at"],
    }  # fmt: skip


def timed(times: int, act: Callable[[], object]) -> str:
    seen: list[str] = []
    count = lambda *facts: seen.append(str(facts[2]))  # noqa: E731
    act()
    event.listen(db.engine, "before_cursor_execute", count)
    act()
    event.remove(db.engine, "before_cursor_execute", count)
    took, busy = [], []
    for _ in range(times):
        began, worked = time.perf_counter(), time.process_time()
        act()
        took.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - worked) * 1000)
    worst = statistics.quantiles(took, n=20)[-1] if times > 1 else took[0]
    wall = f"median {statistics.median(took):6.1f} ms, p95 {worst:6.1f} ms"
    return f"{wall}, {statistics.median(busy):6.1f} ms of processor, {len(seen)} queries"


def measure(app: Flask, times: int) -> None:
    client = app.test_client()
    person = db.session.scalars(select(User)).one().get_id()
    with client.session_transaction() as session:
        session.update({"_user_id": person, "_fresh": True, "begun": int(time.time())})
    parts = {
        "rows of all customers": lambda: overview.rows(ROOT, at=clock.now()),
        "unprotected or overdue": lambda: unprotected.everywhere(ROOT, at=clock.now()),
    }
    for name, part in parts.items():
        print(f"{name:<24} {timed(times, _fresh(part))}")
    for path in ("/", "/?offset=100", "/unprotected"):
        answer = client.get(path)
        assert answer.status_code == 200, answer.status
        size = len(answer.data) / 1024
        print(f"GET {path:<20} {timed(times, lambda p=path: client.get(p))}, {size:.0f} KB")


def _fresh(act: Callable[[], object]) -> Callable[[], object]:
    """As in a request: with an empty session."""

    def fresh() -> object:
        db.session.remove()
        return act()

    return fresh


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 tenants, for the daily run")
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--sources", type=int, default=10)
    parser.add_argument("--runs", type=int, default=7, help="of each source")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--database", default="", help="an empty one; else SQLite, thrown away")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        app = prepared(Path(home), wanted.database or f"sqlite:///{home}/lastgood.db")
        with app.app_context():
            tenants = 50 if wanted.quick else wanted.tenants
            fill(tenants=tenants, sources=wanted.sources, runs=wanted.runs)
            if db.engine.dialect.name == "postgresql":
                db.session.execute(text("ANALYZE"))
                db.session.commit()
            count = db.session.scalar(select(func.count()).select_from(Run))
            print(f"{tenants} tenants x {wanted.sources} sources, {count} runs")
            measure(app, wanted.times)


if __name__ == "__main__":
    main()
