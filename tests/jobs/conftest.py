"""The engine room's fixtures, and real workers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.jobs.worker_process import WorkerProcess
from tests.services.conftest import enter, website, work_off, www
from webapp.extensions import doorbell
from webapp.settings import Settings

__all__ = ["enter", "website", "work_off", "www"]


@pytest.fixture
def start_worker(settings: Settings, app: object) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers on this test's data folder; the doorbell rings in the real queue."""
    doorbell.ring = app.extensions["queue"].ring  # type: ignore[attr-defined]
    started: list[WorkerProcess] = []

    def start(*before: str) -> WorkerProcess:
        started.append(WorkerProcess(settings.home, before))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()
