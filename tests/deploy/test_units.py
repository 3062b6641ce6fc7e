"""The systemd units: systemd accepts them, they give away little, and they start what is there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import click
import pytest

from tests.deploy.conftest import DEPLOY, ROOT
from webapp.cli import lastgood
from webapp.jobs.worker import STOP_SECONDS
from webapp.settings import VARIABLES, Settings

UNITS = DEPLOY / "systemd"
SERVICES = ("lastgood-web", "lastgood-scheduler", "lastgood-worker@")
PROGRAM = "/opt/lastgood/.venv/bin/lastgood"
DROP_IN = "lastgood-worker@.service.d"


def values(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy whose program is there, with the drop-in for customers' folders."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("SYSTEMD UNITS ARE NOT CHECKED: apt-get install systemd")
    program = tmp_path / "lastgood"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for file in UNITS.iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace(PROGRAM, str(program)))
    (tmp_path / DROP_IN).mkdir()
    shutil.copy(DEPLOY / "customers.conf", tmp_path / DROP_IN)
    return tmp_path


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, env=environment
    )


def test_systemd_accepts_the_units_without_a_word(units):
    files = sorted(
        file for file in units.iterdir() if file.suffix in {".service", ".target", ".timer"}
    )

    done = analyze("verify", "--man=no", *files)

    assert len(files) == 6
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_would_say_so_if_one_were_wrong(units):
    unit = units / "lastgood-web.service"
    unit.write_text(unit.read_text().replace("ProtectClock=yes", "ProtectClocks=yes"))

    assert "ProtectClocks" in analyze("verify", "--man=no", unit).stderr


@pytest.mark.parametrize(
    ("unit", "most"),
    [("lastgood-web", 14), ("lastgood-scheduler", 14), ("lastgood-worker@", 20),
     ("lastgood-console-backup", 15)],
)  # fmt: skip
def test_systemd_rates_a_service_as_little_exposed(units, unit, most):
    shutil.rmtree(units / DROP_IN)  # what a person adds for the sake of restores costs more
    words = ("security", "--offline=true", f"--threshold={most}", "--no-pager")

    done = analyze(*words, units / f"{unit}.service")

    assert done.returncode == 0, done.stdout[-300:] + done.stderr


@pytest.mark.parametrize("unit", [*SERVICES, "lastgood-console-backup"])
def test_what_a_unit_starts_is_a_command_with_such_options(unit):
    for line in values(f"{unit}.service", "ExecStart"):
        program, *words = shlex.split(line)
        command: click.Command = lastgood
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))

        assert program == PROGRAM
        command.make_context("lastgood", words, resilient_parsing=True)
        options = {word for word in words if word.startswith("-")}
        assert options <= {name for param in command.params for name in param.opts}, line


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_has_time_to_stop_and_never_gives_up(unit):
    assert int(values(f"{unit}.service", "TimeoutStopSec")[0]) > 2 * STOP_SECONDS
    assert values(f"{unit}.service", "Restart") == ["always"]
    assert values(f"{unit}.service", "StartLimitIntervalSec") == ["0"]
    assert values(f"{unit}.service", "PartOf") == ["lastgood.target"]


def test_a_worker_sees_owners_as_they_are_and_may_restore_them():
    """Neither may be had together with what it is for."""
    assert values("lastgood-worker@.service", "PrivateUsers") == []
    assert values("lastgood-worker@.service", "RestrictSUIDSGID") == []
    assert values("lastgood-worker@.service", "ProcSubset") == []  # who lives is told by boot_id


def test_the_settings_file_names_settings_only_and_is_accepted(tmp_path):
    text = (DEPLOY / "lastgood.env").read_text()
    named = re.findall(r"^#?LASTGOOD_([A-Z_]+)=(.*)$", text, re.MULTILINE)
    given = {f"LASTGOOD_{name}": value for name, value in named if not name.endswith("_FILE")}

    assert {name.removesuffix("_FILE") for name, _ in named} <= set(VARIABLES)
    assert Settings.from_environ(given).trusted_proxies == 1


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installation whose ``lastgood`` and ``runuser`` say how they were called."""
    place = tmp_path / "opt"
    (place / ".venv" / "bin").mkdir(parents=True)
    shutil.copytree(DEPLOY, place / "deploy")
    for name, said in (
        (place / ".venv/bin/lastgood", 'echo "$@" && env | grep -E "^(HOME|LASTGOOD_)" | sort'),
        (tmp_path / "runuser", '[ "$1 $2 $3" = "-u lastgood --" ] || exit 9; shift 3; exec "$@"'),
    ):
        name.write_text(f"#!/bin/sh\n{said}\n")
        name.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "lastgood.env").write_text("LASTGOOD_HOME=/data\nLASTGOOD_PORT=8001\n")
    (tmp_path / "etc" / "owner_url").write_text("postgresql://lastgood_owner:x@db/lastgood\n")
    (tmp_path / "lastgood").symlink_to(place / "deploy" / "lastgood")
    return tmp_path


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{installed}:/usr/bin:/bin", "LASTGOOD_ETC": str(installed / "etc")}
    return subprocess.run(
        [installed / "lastgood", *words], env=environment, capture_output=True, text=True
    )


def test_the_command_of_roots_shell_has_the_services_user_and_settings(installed):
    said = run(installed, "status", "--json").stdout.splitlines()

    assert said[0] == "status --json"
    assert set(said) >= {"HOME=/data", "LASTGOOD_HOME=/data", "LASTGOOD_PORT=8001"}


@pytest.mark.parametrize(
    ("words", "is_told"),
    [(["init"], True), (["init", "--email", "a@b.example"], True),
     (["console", "restore", "v"], True), (["console", "backup", "v"], False), (["worker"], False)],
)  # fmt: skip
def test_only_what_makes_tables_is_told_who_owns_them(installed, words, is_told):
    assert ("lastgood_owner" in run(installed, *words).stdout) is is_told


def test_whoever_may_not_read_the_settings_is_told_to_be_root(installed):
    (installed / "etc" / "lastgood.env").unlink()

    done = run(installed, "status")

    assert done.returncode == 1
    assert "sudo lastgood" in done.stderr


def test_secrets_are_made_once_and_behind_a_wall(tmp_path):
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([DEPLOY / "make-secrets", folder, "db.example"], check=True)
    first = {file.name: file.read_text() for file in folder.iterdir()}
    subprocess.run([DEPLOY / "make-secrets", folder, "other"], check=True)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert first["owner_url"].startswith("postgresql://lastgood_owner:")
    assert "@db.example/lastgood_queue" in first["queue_url"]


@pytest.mark.parametrize("script", ["lastgood", "make-secrets"])
def test_the_scripts_can_be_run(script):
    assert os.access(DEPLOY / script, os.X_OK)
    assert subprocess.run(["sh", "-n", DEPLOY / script], cwd=ROOT).returncode == 0
