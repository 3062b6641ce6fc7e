"""Each service of ``compose.yaml`` as a plain process, on real PostgreSQL and Redis: they come up,
work together as the two roles, and stop without losing anything."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from tests import casting
from tests.cli.test_serve import answers, free_port
from tests.deploy.composing import Plain, seconds, services
from tests.jobs.worker_process import until
from tests.postgres import Cluster, programs
from tests.redis_server import RedisServer
from webapp import create_app
from webapp.domain.actors import SYSTEM
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import INSTALLATION_CHAIN, BackupSet, Run, Tenant
from webapp.services import access as gate
from webapp.services import audit_chain, captures, processes, sources
from webapp.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LASTING = ("web", "worker", "scheduler")
FILES = 40


@pytest.fixture(scope="module")
def plain(
    two_roles: Cluster, redis: RedisServer, secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plain]:
    """``docker compose run --rm init``, then ``docker compose up``."""
    place = tmp_path_factory.mktemp("composed")
    here = {
        "/var/lib/lastgood": str(place / "home"),
        "/run/secrets": str(secrets),
        "redis://redis:6379/0": redis.url,
        "0.0.0.0": "127.0.0.1",
        "8000": str(free_port()),
    }
    plain = Plain(here, place / "log")
    assert plain.start("init").wait(timeout=60) == 0, plain.log.read_text()
    for name in LASTING:
        plain.start(name)
    yield plain
    plain.stop_all()


@pytest.fixture(scope="module")
def inside(plain: Plain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """What a command inside the container of web has, with the cast's customers."""
    app = create_app(Settings.from_environ(plain.environment("web")))
    casting.populate(app, tmp_path_factory.mktemp("customers"))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def context(inside: Flask) -> Iterator[None]:
    with inside.app_context():
        yield
        db.session.rollback()


def is_up(plain: Plain, name: str) -> bool:
    return answers(int(plain.here["8000"])) if name == "web" else processes.is_alive(name)


@pytest.mark.parametrize("name", LASTING)
def test_each_becomes_healthy(plain, context, name):
    assert until(lambda: is_up(plain, name), seconds=60), plain.log.read_text()
    assert plain.is_healthy(name), plain.log.read_text()


def capture(name: str, *, files: int) -> UUID:
    """Ask for a capture of a new source of Acme's; the run's id."""
    access = gate.enter(SYSTEM, "acme", Permission.OPERATE)
    folder = Path(access.tenant.granted_roots[0]) / name
    folder.mkdir()
    for number in range(files):
        (folder / f"{number}.html").write_text(f"{number}\n" * 5000)
    source = sources.add(access, kind="files", name=name, config={"path": str(folder)})
    run, _ = captures.start(gate.enter(SYSTEM, "acme", Permission.OPERATE), source.id)
    return run.id


def state_of(run_id: UUID) -> RunState:
    db.session.rollback()
    return db.session.get_one(Run, run_id, populate_existing=True).status


def test_they_capture_together(plain, context):
    run_id = capture("web", files=FILES)

    assert until(lambda: state_of(run_id) is RunState.SUCCEEDED, seconds=60), plain.log.read_text()
    assert db.session.get_one(Run, run_id).succeeded == FILES


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET reason = 'nothing happened'",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        "DELETE FROM audit_heads",
        "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_logs_no_change ON audit_logs",
        "DROP TABLE audit_logs CASCADE",
        "CREATE OR REPLACE FUNCTION audit_logs_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN OLD; END $$",
        "SET ROLE lastgood_owner",
        "CREATE TABLE mine (id integer)",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_the_application_cannot_touch_what_guards_the_audit_log(plain, secrets, statement):
    address = (secrets / "database_url").read_text().strip()

    with psycopg.connect(address) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement.encode())

    assert refused.value.sqlstate == "42501"  # insufficient_privilege, not the trigger's 23000


def test_the_owner_is_refused_by_the_trigger(plain, secrets):
    address = (secrets / "owner_url").read_text().strip()

    with psycopg.connect(address) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(b"UPDATE audit_logs SET reason = 'nothing happened'")

    assert refused.value.sqlstate == "23000"


def test_what_they_did_stands_in_chains_that_are_whole(plain, context):
    acme = db.session.query(Tenant).filter_by(slug="acme").one().id

    verdicts = [audit_chain.verify(chain) for chain in (INSTALLATION_CHAIN, acme)]

    assert [verdict.ok for verdict in verdicts] == [True, True]
    assert min(verdict.length for verdict in verdicts) > 1


def test_a_table_of_a_later_release_is_open_to_the_application(plain, secrets):
    addresses = [(secrets / name).read_text().strip() for name in ("owner_url", "database_url")]
    with psycopg.connect(addresses[0], autocommit=True) as owner:
        owner.execute("CREATE TABLE later (id integer)")

    with psycopg.connect(addresses[1]) as application:
        application.execute("INSERT INTO later VALUES (1)")
        application.rollback()

    with psycopg.connect(addresses[0], autocommit=True) as owner:
        owner.execute("DROP TABLE later")


def test_init_is_safe_to_repeat_while_all_of_them_run(plain, context):
    assert plain.start("init").wait(timeout=60) == 0
    assert all(is_up(plain, name) for name in LASTING)


def test_a_stop_in_the_middle_of_a_capture_loses_nothing(plain, context):
    run_id = capture("more", files=4000)
    assert until(lambda: state_of(run_id) is RunState.RUNNING, seconds=30)
    running = [process for process in plain.started if process.poll() is None]

    began = time.monotonic()
    for process in running:
        process.send_signal(signal.SIGTERM)
    codes = [process.wait(timeout=60) for process in running]
    took = time.monotonic() - began
    between = state_of(run_id)
    plain.start("worker")

    assert codes == [0, 0, 0]
    assert took < seconds(services()["worker"]["stop_grace_period"])
    assert between is RunState.RUNNING  # nobody's, and not over
    assert until(lambda: state_of(run_id) is RunState.SUCCEEDED, seconds=90)
    assert db.session.query(BackupSet).filter_by(run_id=run_id).count() == 1


def test_the_servers_start_with_the_commands_that_are_written_there(tmp_path, server):
    command = services()["redis"]["command"]
    beside = ["--port", "0", "--unixsocket", str(tmp_path / "socket"), "--dir", str(tmp_path)]
    redis = subprocess.Popen([*command, *beside], stdout=subprocess.DEVNULL)
    ask = ["redis-cli", "-s", str(tmp_path / "socket"), "ping"]
    answers = until(lambda: subprocess.run(ask, capture_output=True).returncode == 0, seconds=20)
    redis.kill()
    redis.wait()

    name, *options = services()["postgres"]["command"]
    asked = [str(programs() / name), *options, "-C", "max_connections", "-D", "data"]
    told = subprocess.run(asked, cwd=server.place, capture_output=True, text=True, **server._as)

    assert answers
    assert told.stdout.strip() == "200"


def test_the_servers_health_checks_work(redis, server):
    ask = services()["redis"]["healthcheck"]["test"][1:]
    ask[ask.index("-h") : ask.index("-h") + 2] = ["-s", f"{redis.place}/redis.sock"]
    ready = services()["postgres"]["healthcheck"]["test"][1:]
    ready[0], ready[ready.index("127.0.0.1")] = str(programs() / ready[0]), str(server.place)

    assert subprocess.run(ask, capture_output=True, text=True).stdout.strip() == "PONG"
    assert subprocess.run(ready).returncode == 0
