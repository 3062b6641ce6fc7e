"""How quickly several workers do many queued runs, and whether each is done once.

    python -m bench.workers [--quick] [--runs 1000] [--workers 4] [--database sqlite postgresql]

Captures of small folders, fifty a customer, asked for by one person, worked off by real ``lastgood
worker`` processes. Afterwards everything is counted: runs, sets, outcomes, entries of the audit
log, and what the person was told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from bench.loading import commands, installations, report, tables
from webapp import clock, create_app
from webapp.domain.permissions import Permission, Role
from webapp.domain.runs import ACTIVE, RunState
from webapp.extensions import db
from webapp.models import (
    AuditEntry,
    BackupSet,
    Membership,
    Notification,
    Run,
    RunItem,
    Source,
    Tenant,
    User,
)
from webapp.models.columns import new_id
from webapp.services import access as gate
from webapp.services import captures

_OF_ONE_TENANT, _FILES = 50, 5
_LONG_SECONDS = 1800
_PERSON = "olga@example.com"


def main() -> int:
    parser = report.parser(__doc__ or "")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    options.runs = options.runs or (100 if options.quick else 1000)
    result: dict[str, Any] = {"databases": {}, "missed": []}
    with tempfile.TemporaryDirectory(dir=options.work, prefix="bench-workers-") as name:
        make_folders(Path(name), options.runs)
        for kind in report.databases(options):
            found = result["databases"][kind] = _measure(kind, Path(name), options)
            report.say(f"{kind}: {found}")
            result["missed"] += [f"{kind}: {one}" for one in found["wrong"]]
    return report.finish("workers", options, result, _lines(result["databases"], options))


def make_folders(place: Path, count: int) -> None:
    for number in range(count):
        folder = place / f"{number:05}"
        folder.mkdir()
        for file in range(_FILES):
            (folder / f"{file}.html").write_text(f"<p>{number} {file}</p>\n" * 80)


def _measure(kind: str, place: Path, options: argparse.Namespace) -> dict[str, Any]:
    with installations.installed(kind, options.work) as settings, ExitStack() as stack:
        app = create_app(settings)
        asked = _ask(app, place, options.runs)
        began = time.monotonic()
        workers = [
            stack.enter_context(commands.running(settings, "worker", "-w", "1"))
            for _ in range(options.workers)
        ]
        commands.wait_until(lambda: _waiting(app) == 0, seconds=_LONG_SECONDS, pause=0.5)
        seconds, busy = time.monotonic() - began, sum(one.cpu_seconds() for one in workers)
        found = {
            "asked_seconds": round(asked, 1), "seconds": round(seconds, 1),
            "runs_per_second": round(options.runs / seconds, 1),
            "cpu_ms_each": round(busy / options.runs * 1000), "wrong": _wrong(app, options.runs),
        }  # fmt: skip
        with app.app_context():
            db.engine.dispose()
    return found


def _ask(app: Flask, place: Path, count: int) -> float:
    """Customers with their sources, and a capture of each; the seconds of asking."""
    now, person = clock.now(), new_id()
    tenants = [new_id() for _ in range(-(-count // _OF_ONE_TENANT))]
    sources = [(new_id(), tenants[number // _OF_ONE_TENANT], number) for number in range(count)]
    with app.app_context():
        tables.insert(User, [{"id": person, "email": _PERSON, "created_at": now}])
        tables.insert(
            Tenant,
            (
                {"id": one, "slug": f"t{n}", "name": f"Tenant {n}", "created_at": now,
                 "granted_roots": [str(place)]}
                for n, one in enumerate(tenants)
            ),
        )  # fmt: skip
        role = Role.OPERATOR.value
        tables.insert(
            Membership,
            ({"id": new_id(), "tenant_id": t, "user_id": person, "role": role} for t in tenants),
        )
        tables.insert(
            Source,
            (
                {"id": id_, "tenant_id": tenant, "kind": "files", "name": f"s{n}",
                 "config": {"path": str(place / f"{n:05}")}, "created_at": now}
                for id_, tenant, n in sources
            ),
        )  # fmt: skip
        actor, began = gate.actor_called(_PERSON), time.monotonic()
        for source_id, _, number in sources:
            access = gate.enter(actor, f"t{number // _OF_ONE_TENANT}", Permission.OPERATE)
            captures.start(access, source_id)
        db.session.remove()
    return time.monotonic() - began


def _waiting(app: Flask) -> int:
    query = select(func.count()).select_from(Run).where(Run.status.in_(ACTIVE))
    with app.test_request_context():  # as a page looks: it keeps no writer waiting
        count = db.session.scalar(query) or 0
        db.session.remove()
    return count


def _wrong(app: Flask, count: int) -> list[str]:
    """Everything that is not there exactly once for each run."""
    one_each = {
        "succeeded": select(Run.id).where(Run.status == RunState.SUCCEEDED),
        "sets": select(BackupSet.run_id),
        "items": select(RunItem.run_id).where(RunItem.outcome == "succeeded"),
        "ends in the audit log": select(AuditEntry.resource).where(
            AuditEntry.action == "capture.ended"
        ),
        "news that wait": select(Notification.run_id).where(Notification.read_at.is_(None)),
    }
    found = []
    with app.test_request_context():
        for name, query in one_each.items():
            rows = list(db.session.scalars(query))
            if len(rows) != count or len(set(rows)) != count:
                found.append(f"{len(rows)} {name}, {len(set(rows))} different, of {count} runs")
        attempts = db.session.scalar(select(func.max(Run.attempt)))
        if attempts != 1:
            found.append(f"a run was begun {attempts} times")
        db.session.remove()
    return found


def _lines(found: dict[str, Any], options: argparse.Namespace) -> Iterator[str]:
    yield "## Workers, by `bench/workers.py`"
    yield from ("", f"{options.runs:,} captures of {_FILES} files each, of customers with")
    yield f"{_OF_ONE_TENANT} sources; workers: {options.workers}, one run at a time each."
    yield from ("", "| | all asked for in | all done in | runs a second | CPU of workers, each |"
                " lost or doubled |")  # fmt: skip
    yield "|---|---|---|---|---|---|"
    for kind, one in found.items():
        yield (
            f"| {kind} | {one['asked_seconds']} s | {one['seconds']} s | "
            f"{one['runs_per_second']} | {one['cpu_ms_each']} ms | {len(one['wrong']) or 'none'} |"
        )


if __name__ == "__main__":
    sys.exit(main())
