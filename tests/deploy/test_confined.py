"""What the units refuse, no service asks for: system calls outside their filters, and memory that
is written and then run. Seen while web, worker and scheduler do what they are for."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_serve import answers, children_of, free_port
from tests.deploy.test_units import UNITS
from tests.e2e.server import command_in
from tests.jobs.worker_process import until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed"),
]
ROOT = Path(__file__).parent.parent.parent
SERVICES = {"web": "lastgood-web", "worker": "lastgood-worker@", "scheduler": "lastgood-scheduler"}

# SQLite gives its files to the owner of the database, but only where it is root, as in tests.
ONLY_ROOT = {"fchown"}

# prctl(PR_SET_MDWE): as MemoryDenyWriteExecute= of systemd, and it stays after fork and exec.
DENY = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'webapp.cli', *sys.argv[1:]])"
)


def group(name: str) -> set[str]:
    """The system calls that systemd means by ``@name``."""
    told = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True
    )
    words = {line.strip() for line in told.stdout.splitlines()[1:] if "#" not in line} - {""}
    inner = {word for word in words if word.startswith("@")}
    return (words - inner).union(*map(group, inner))


def allowed(unit: str) -> set[str]:
    text = (UNITS / f"{unit}.service").read_text()
    found = group("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE):
        named = set().union(*map(group, line.removeprefix("~").split()))
        found = found - named if line.startswith("~") else found | named
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    command_in(home, "init")
    return home


@pytest.fixture
def watched(home: Path, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """All services under strace, each with its log."""
    port = str(free_port())
    environment = {**os.environ, "LASTGOOD_HOME": str(home), "LASTGOOD_PORT": port}
    logs, started = {}, []
    for name in SERVICES:
        logs[name] = tmp_path / f"{name}.strace"
        words = ["strace", "-f", "-qq", "-s", "0", "-o", logs[name], sys.executable, "-c", DENY]
        started.append(
            subprocess.Popen(
                [*words, name], env=environment, cwd=ROOT,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
    assert until(lambda: answers(int(port)), seconds=60)
    urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=20).read()
    yield logs
    for process in started:
        for child in children_of(process.pid):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()


def test_services_keep_to_what_their_units_allow(home, watched):
    made = command_in(home, "capture", "demo", "shop", "--wait")
    command_in(home, "demo", "damage", "--wait")
    preview = command_in(home, "restore", "preview", "demo", made["backup_set_id"], "--wait")
    plan, words = preview["plan_id"], ("--confirm", "demo", "--reason", "damaged", "--wait")
    restored = command_in(home, "restore", "apply", "demo", plan, *words)
    command_in(home, "audit", "verify")

    used = {
        name: set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", log.read_text(), re.MULTILINE))
        for name, log in watched.items()
    }

    assert restored["status"] == "succeeded"
    assert min(map(len, used.values())) > 40
    outside = {name: used[name] - allowed(unit) - ONLY_ROOT for name, unit in SERVICES.items()}
    assert {name: calls for name, calls in outside.items() if calls} == {}
