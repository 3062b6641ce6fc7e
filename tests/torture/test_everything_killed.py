"""Everything is killed at once, at moments nobody chose: web, worker, scheduler."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server, command_in, processes_of, serving

pytestmark = [pytest.mark.torture, pytest.mark.timeout(400)]

FILES, SECONDS_TO_END = 800, 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder whose demo shop is large enough to be killed in the middle of."""
    home = tmp_path / "home"
    home.mkdir()
    command_in(home, "init")
    bulk = home / "demo" / "shop" / "htdocs" / "bulk"
    bulk.mkdir()
    for number in range(FILES):
        (bulk / f"{number}.txt").write_text(f"{number}\n" * 50)
    return home


def contents(home: Path) -> dict[str, bytes]:
    pages = home / "demo" / "shop" / "htdocs"
    return {
        path.relative_to(pages).as_posix(): path.read_bytes()
        for path in pages.rglob("*")
        if path.is_file()
    }


def kill_everything(server: Server) -> None:
    for pid in processes_of(server.process):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()


def ended(server: Server, run_id: str) -> dict[str, Any]:
    """The run's document once it has ended by itself."""
    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline:
        run = next(run for run in server.command("runs", "demo") if run["id"] == run_id)
        if run["status"] not in {"queued", "running"}:
            return run
        time.sleep(0.5)
    raise AssertionError(f"{run['status']}, {run['phase']} after {SECONDS_TO_END} s")


def differences(server: Server, set_id: str) -> int:
    """How many items a restore of this set would change; reads all that it compares."""
    preview = server.command("restore", "preview", "demo", set_id, "--delete", "--wait")
    return sum(
        preview["counts"][action] for action in ("create", "update", "replace", "delete", "blocked")
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_capture_ends_truthfully(home, seed):
    with serving(home) as server:
        run_id = server.command("capture", "demo", "shop")["run_id"]
        time.sleep(random.Random(seed).uniform(0.0, 1.0))
        kill_everything(server)

    with serving(home) as server:
        run = ended(server, run_id)
        made = [one for one in server.command("sets", "demo") if one["status"] == "completed"]

        assert bool(made) is (run["status"] == "succeeded")
        again = server.command("capture", "demo", "shop", "--wait")
        assert differences(server, again["backup_set_id"]) == 0
        assert all(differences(server, one["id"]) == 0 for one in made)


@pytest.mark.parametrize("seed", [4, 5])
def test_a_restore_ends_truthfully_and_a_second_one_completes_it(home, seed):
    whole = contents(home)
    with serving(home) as server:
        set_id = server.command("capture", "demo", "shop", "--wait")["backup_set_id"]
        for path in (home / "demo" / "shop" / "htdocs" / "bulk").iterdir():
            path.write_text("damaged")
        run_id = begin_restore(server, set_id)["run_id"]
        time.sleep(random.Random(seed).uniform(0.2, 2.0))
        kill_everything(server)

    with serving(home) as server:
        run = ended(server, run_id)
        if run["status"] == "succeeded":
            assert contents(home) == whole

        if differences(server, set_id):
            begin_restore(server, set_id, "--wait")
        assert contents(home) == whole
        assert server.command("audit", "verify", "demo")["ok"]


def begin_restore(server: Server, set_id: str, *options: str) -> dict[str, Any]:
    plan = server.command("restore", "preview", "demo", set_id, "--delete", "--wait")["plan_id"]
    return server.command(
        "restore", "apply", "demo", plan, "--confirm", "demo", "--reason", "repair", *options
    )
