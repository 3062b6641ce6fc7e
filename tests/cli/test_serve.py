"""One process tree: it starts, says where, and all of it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.worker_process import until
from webapp.extensions import db
from webapp.services.processes import Presence

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]
ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(settings) -> Iterator[object]:
    started: list[subprocess.Popen[bytes]] = []

    def serve(port: int) -> subprocess.Popen[bytes]:
        environment = {name: v for name, v in os.environ.items() if "LASTGOOD" not in name}
        environment |= {"LASTGOOD_HOME": str(settings.home)}
        with (settings.home / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "webapp.cli", "serve", "--port", str(port)],
                env=environment, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        started.append(process)
        return process

    yield serve
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def children_of(process: int) -> set[int]:
    """All processes below this one."""
    found: set[int] = set()
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        for child in listing.read_text().split():
            found |= {int(child), *children_of(int(child))}
    return found


def resident_bytes(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] == "Z"
    except OSError:
        return True


def test_everything_starts_and_stops_together(serve):
    port = free_port()
    server = serve(port)
    assert until(lambda: answers(port), seconds=60)
    children = children_of(server.pid)

    began = time.monotonic()
    server.send_signal(signal.SIGINT)
    code = server.wait(timeout=20)

    assert len(children) >= 4
    assert code == 0
    assert time.monotonic() - began < 10
    assert all(is_gone(child) for child in children)


def test_a_web_process_stays_small(serve):
    port = free_port()
    server = serve(port)
    assert until(lambda: answers(port), seconds=60)

    sizes = [resident_bytes(child) for child in children_of(server.pid)]

    assert max(sizes) <= 150_000_000


def test_children_die_with_a_killed_parent_and_dead_children_come_back(serve):
    port = free_port()
    server = serve(port)
    assert until(lambda: answers(port), seconds=60)
    victim = min(children_of(server.pid))
    os.kill(victim, signal.SIGKILL)

    came_back = until(lambda: is_gone(victim) and answers(port), seconds=60)
    children = children_of(server.pid)
    server.kill()
    server.wait()

    assert came_back
    assert until(lambda: all(is_gone(child) for child in children), seconds=20)


def test_a_port_in_use_is_one_clear_sentence(serve, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = serve(taken.getsockname()[1])
        code = server.wait(timeout=30)

    told = (settings.home / "serve.log").read_text().strip().splitlines()
    assert code == 1
    assert len(told) == 1
    assert "in use" in told[0]


def test_a_web_server_without_its_keys_says_one_sentence(shell, settings):
    settings.master_key_file.unlink()

    ended = shell("web")

    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert "LASTGOOD_MASTER_KEY_FILE" in ended.err


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_a_check_says_whether_one_lives_on_this_host(shell, app, name, monkeypatch):
    with app.app_context(), monkeypatch.context() as elsewhere:
        elsewhere.setattr("socket.gethostname", lambda: "elsewhere")
        Presence(db.engine, name).show()
    before = shell(name, "--check")
    with app.app_context():
        Presence(db.engine, name).show()
    after = shell(name, "--check")

    assert (before.code, after.code) == (1, 0)
    assert f"No {name} of" in before.err
    assert "lives" in after.err
