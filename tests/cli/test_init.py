"""``lastgood init``: the first start, and every one after it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from webapp.services import passwords
from webapp.settings import Settings


@pytest.fixture
def empty(settings, tmp_path, monkeypatch):
    """No data folder yet."""
    home = tmp_path / "new" / "home"
    fresh = replace(
        settings,
        home=home,
        database_url=f"sqlite:///{home / 'lastgood.db'}",
        master_key_file=home / "master.key",
    )
    monkeypatch.setattr(Settings, "from_environ", classmethod(lambda _cls, *_: fresh))
    return fresh


def test_the_first_start_makes_everything_and_tells_the_password_once(shell, empty):
    first = shell("init", "--json", "--email", "Anna@Example.com")

    assert first.code == 0
    assert first.data["email"] == "anna@example.com"
    assert len(first.data["password"]) >= passwords.SHORTEST
    assert stat.S_IMODE(empty.master_key_file.stat().st_mode) == 0o600

    again = shell("init", "--json").data
    assert (again["created"], again["password"]) == (False, None)
    assert [user["email"] for user in shell("user", "list", "--json").data] == ["anna@example.com"]


def test_the_password_lets_in(shell, empty):
    from webapp import create_app

    made = shell("init", "--json").data
    app = create_app(empty)
    app.config["WTF_CSRF_ENABLED"] = False

    answer = app.test_client().post(
        "/sign-in", data={"email": made["email"], "password": made["password"]}
    )

    assert answer.location == "/"


def test_a_lost_key_is_not_replaced_by_a_new_one(shell, empty):
    shell("init")
    empty.master_key_file.unlink()

    ended = shell("init")

    assert ended.code == 1
    assert "LASTGOOD_MASTER_KEY_FILE" in ended.err
    assert not empty.master_key_file.exists()


def test_a_demo_is_made_in_an_empty_database_only(shell, empty, monkeypatch):
    wanted = replace(empty, demo=True)
    shell("init")
    monkeypatch.setattr(Settings, "from_environ", classmethod(lambda _cls, *_: wanted))

    assert shell("init", "--json").data["demo"] is False


@pytest.mark.slow
def test_two_first_starts_at_once_make_one_installation(tmp_path):
    environment = {**os.environ, "LASTGOOD_HOME": str(tmp_path / "home")}

    def start(_number: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "webapp.cli", "init", "--json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(start, range(3)))

    assert [one.returncode for one in ended] == [0, 0, 0], [one.stderr for one in ended]
    assert sum('"created": true' in one.stdout for one in ended) == 1
