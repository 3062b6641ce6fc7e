"""PostgreSQL as ``deploy/postgresql.sql`` sets it up, asking for passwords; and Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Cluster, programs
from tests.redis_server import RedisServer

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
_ASKS = "local all postgres trust\nlocal all all scram-sha-256\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A PostgreSQL that asks everybody but its superuser for a password."""
    if programs() is None:
        pytest.skip("PostgreSQL IS NOT TESTED: it is not installed (apt-get install postgresql)")
    server = Cluster()
    (server.place / "data" / "pg_hba.conf").write_text(_ASKS)
    server.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    subprocess.run([DEPLOY / "make-secrets", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def two_roles(server: Cluster, secrets: Path) -> Cluster:
    """The server with both roles and both databases; the addresses lead to its socket."""
    home = programs()
    assert home is not None
    subprocess.run(
        [home / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", DEPLOY / "postgresql.sql"],
        env={
            "PATH": os.environ["PATH"],
            "LASTGOOD_SECRETS": str(secrets),
            "PGHOST": str(server.place),
            "PGUSER": "postgres",
        },
        check=True,
    )
    for name in ("database_url", "queue_url", "owner_url"):
        file = secrets / name
        text = file.read_text().strip().replace("@postgres/", "@/")
        file.chmod(0o600)
        file.write_text(f"{text}?host={server.place}\n")
    return server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("REDIS IS NOT TESTED: it is not installed (apt-get install redis-server)")
    server = RedisServer()
    yield server
    server.stop()
