"""The engine room's fixtures, and real workers that end with their test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.jobs.worker_process import WorkerProcess
from tests.redis_server import RedisServer
from tests.services.conftest import enter, website, work_off, www
from webapp.extensions import doorbell
from webapp.settings import Settings

__all__ = ["enter", "website", "work_off", "www"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("REDIS IS NOT TESTED: it is not installed (apt-get install redis-server)")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def queue_kind() -> str:
    """Where the queue lies: ``own`` is where the database does, too."""
    return "own"


@pytest.fixture
def settings(settings: Settings, queue_kind: str, request: pytest.FixtureRequest) -> Settings:
    """The test's installation, with the queue that the test is about."""
    if queue_kind == "redis":
        server = request.getfixturevalue("redis_server")
        server.empty()
        return replace(settings, queue_url=server.url)
    if settings.database_url.startswith("sqlite:"):
        return settings
    return replace(settings, queue_url=settings.database_url.replace("+psycopg", ""))


@pytest.fixture
def start_worker(settings: Settings, app: object) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers on this test's data folder; the doorbell rings in the real queue."""
    doorbell.ring = app.extensions["queue"].ring  # type: ignore[attr-defined]
    started: list[WorkerProcess] = []

    def start(*before: str) -> WorkerProcess:
        started.append(WorkerProcess(settings, before))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()
