"""The commands of docs/operations.md, pasted one after another into a machine of their own.

The machine is this one with layers over the folders that are written to: users are added,
files installed and databases made for real, and nothing of it stays. What needs the network, or
an init that is systemd, is played by scripts that say how they were called.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from tests.deploy.conftest import DEPLOY, ROOT
from tests.postgres import Cluster, programs
from webapp.cli import lastgood

pytestmark = pytest.mark.timeout(600)

TEXT = (ROOT / "docs" / "operations.md").read_text()
BLOCKS = dict(re.findall(r"<!-- run by a test: (\w+) -->\n```\n(.*?)```", TEXT, re.DOTALL))
LAYERED = ("/etc", "/opt", "/usr/local", "/var/lib", "/mnt", "/srv")

_LAYERS = """
set -eu
mount -t tmpfs tmpfs "$LAYERS"
for place in {places}; do
    mkdir -p "$LAYERS$place/up" "$LAYERS$place/work"
    mount -t overlay overlay \
        -o "lowerdir=$place,upperdir=$LAYERS$place/up,workdir=$LAYERS$place/work" "$place"
done
export PATH="$STUBS:$PATH"
"""
_SAYS = 'echo "$(basename "$0") $*" >> "$SAID"\n'
_STUBS = {
    "apt-get": _SAYS,
    "curl": _SAYS + "echo ready\n",
    "git": _SAYS + '[ "$1" != clone ] || { mkdir -p "$3" && cp -r "$SOURCE/deploy" "$3/"; }\n',
    "make": _SAYS + 'mkdir -p "$2/.venv/bin"; cp "$STUBS/program" "$2/.venv/bin/lastgood"\n',
    "systemctl": _SAYS + 'case "$1" in link) shift; cp "$@" /etc/systemd/system/ ;; '
    '"start") [ "$2" != lastgood-console-backup ] || sh -eu "$STUBS/oneshot" ;; esac\n',
    # What the unit of the console's backup is for systemd.
    "oneshot": "set -a; . /etc/lastgood/lastgood.env; set +a\n"
    "umask 077; cp /etc/lastgood/console-passphrase /var/lib/lastgood/passphrase\n"
    "chown lastgood /var/lib/lastgood/passphrase\n"
    "export LASTGOOD_VAULT_PASSPHRASE_FILE=/var/lib/lastgood/passphrase HOME=/var/lib/lastgood\n"
    "sed -n 's/^ExecStart=//p' /etc/systemd/system/lastgood-console-backup.service >/tmp/lines\n"
    'while read -r line; do runuser -u lastgood -- sh -euc "$line" </dev/null; done </tmp/lines\n',
}


def can(*words: str) -> bool:
    return (
        shutil.which(words[0]) is not None
        and not subprocess.run(words, capture_output=True).returncode
    )


@pytest.fixture
def machine(tmp_path: Path):
    """Runs a script as root of a machine of its own; *environment* goes along."""
    if not can("unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs {tmp_path}"):
        pytest.skip("docs/operations.md IS NOT TRIED: only root may make a machine of layers")
    if not all(map(shutil.which, ("adduser", "runuser"))):
        pytest.skip("docs/operations.md IS NOT TRIED: adduser and runuser are Debian's")
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    program = f'cd {ROOT}\nexec {sys.executable} -m webapp.cli "$@"\n'
    for name, text in {**_STUBS, "program": program, **_users()}.items():
        (stubs / name).write_text(f"#!/bin/sh\n{text}")
        (stubs / name).chmod(0o755)
    (tmp_path / "layers").mkdir()

    def run(script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        places = " ".join(place for place in LAYERED if Path(place).is_dir())
        known = {
            "PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}",
            "HOME": "/root",
            "LAYERS": str(tmp_path / "layers"),
            "STUBS": str(stubs),
            "SAID": str(tmp_path / "said"),
            "SOURCE": str(ROOT),
        }
        whole = f"{_LAYERS.format(places=places)}set -x\n{script}"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", whole],
            env=known | dict(environment), capture_output=True, text=True, cwd="/",
        )  # fmt: skip

    return run


def _users() -> dict[str, str]:
    """Where other users cannot read this clone, root plays them."""
    python = [sys.executable, "-c", "import webapp"]
    if can("runuser", "-u", "nobody", "--", "sh", "-c", f'cd {ROOT} && exec "$@"', "sh", *python):
        return {}
    return {"runuser": 'shift 3; exec "$@"\n'}


@pytest.fixture
def server():
    if programs() is None:
        pytest.skip("PostgreSQL IS NOT TESTED: it is not installed (apt-get install postgresql)")
    server = Cluster()
    server.place.chmod(0o711)
    yield server
    server.stop()


CHECKS = """
[ "$(stat -c %a:%G /etc/lastgood/lastgood.env)" = 640:lastgood ]
[ "$(stat -c %a:%G /etc/lastgood)" = 750:lastgood ]
[ "$(stat -c %a /var/lib/lastgood/master.key)" = 600 ]
lastgood tenant add acme --name Acme --grant-root /srv
"""
ELSEWHERE = """
chmod u+w "$secrets"/*_url
sed -i "s#@127.0.0.1/#@/#; s#\\$#?host=$PGHOST#" "$secrets"/*_url
"""
CONSOLE = "install -d -o lastgood /mnt/console-backup\n"
RESTORED = """
key=$(cat /var/lib/lastgood/master.key)
. /etc/lastgood/lastgood.env
mv /var/lib/lastgood /var/lib/lost
install -d -m 700 -o lastgood -g lastgood /var/lib/lastgood
sed -i 's/^LASTGOOD_.*URL_FILE=/#&/' /etc/lastgood/lastgood.env
mv /etc/lastgood/owner_url /etc/lastgood/owner_url.away
echo "$key" | lastgood console restore "$CONSOLE_VAULT" --master-key-file - \\
    --passphrase-file /var/lib/lost/passphrase
lastgood init
lastgood audit verify
lastgood status acme --json
"""


@pytest.mark.torture
def test_the_commands_of_the_guide_work_when_pasted_one_after_another(machine, server, tmp_path):
    steps = [
        BLOCKS["install"], CHECKS, BLOCKS["customers"], BLOCKS["watching"],
        BLOCKS["roles"], ELSEWHERE, BLOCKS["addresses"], BLOCKS["move"], BLOCKS["use"],
        CONSOLE, BLOCKS["console"], BLOCKS["upgrade"], RESTORED,
    ]  # fmt: skip
    environment = {
        "REPOSITORY": "somewhere", "VERSION": "v2", "PGHOST": str(server.place),
        "PGUSER": "postgres",
    }  # fmt: skip

    done = machine("\n".join(steps), environment)
    said = (tmp_path / "said").read_text()

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Password:" in done.stdout
    assert "systemctl enable --now lastgood.target lastgood-web lastgood-scheduler" in said
    assert "git -C /opt/lastgood checkout v2" in said


def test_no_block_of_the_guide_is_left_out():
    tried = {
        "install",
        "customers",
        "roles",
        "addresses",
        "use",
        "upgrade",
        "console",
        "move",
        "watching",
    }

    assert set(BLOCKS) == tried


def commands_of_the_guide() -> list[list[str]]:
    """What is written as a command, in a block or between backticks; without what is piped on."""
    blocks = "\n".join(re.findall(r"^ *```\n(.*?)^ *```", TEXT, re.DOTALL | re.MULTILINE))
    prose = re.sub(r"^ *```\n.*?^ *```", "", TEXT, flags=re.DOTALL | re.MULTILINE)
    lines = re.findall(r"^ *(?:docker compose exec \w+ )?(lastgood .+)$", blocks, re.MULTILINE)
    lines += re.findall(r"`(lastgood [^`]+)`", prose)
    return [re.split(r"[|<#]", line)[0].split()[1:] for line in lines]


def test_every_command_and_option_of_the_guide_is_there():
    found = commands_of_the_guide()

    assert len(found) > 30
    for words in found:
        command: click.Command = lastgood
        rest = list(words)
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), rest.pop(0))
            assert command, words
        options = {word for word in rest if word.startswith("-") and word != "-"}
        assert options <= {name for param in command.params for name in param.opts}, words


def test_the_units_that_the_guide_names_are_there():
    named = set(re.findall(r"lastgood(?:-[a-z]+)*@?(?:\.target|\.timer)|lastgood-[a-z-]+@", TEXT))
    there = {file.name.removesuffix(".service") for file in (DEPLOY / "systemd").iterdir()}

    assert {"lastgood.target", "lastgood-worker@", "lastgood-console-backup.timer"} <= named
    assert named <= there


def test_every_link_of_the_guide_leads_somewhere():
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
    files = re.findall(r"\]\(([\w./-]+\.md)(?:#[^)]*)?\)", TEXT)
    assert [name for name in files if not (ROOT / "docs" / name).exists()] == []
