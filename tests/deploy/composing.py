"""The services of ``compose.yaml``, and what each is as a plain process of this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
OURS = ("init", "web", "worker", "scheduler")


def services() -> dict[str, Any]:
    return document()["services"]


def document() -> dict[str, Any]:
    """The file with its variables at their defaults, which are put in after it was parsed."""
    return _filled(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def _filled(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value) for value in part]
    if isinstance(part, str):
        return re.sub(r"\$\{\w+(?::-([^}]*))?\}", lambda found: found[1] or "", part)
    return part


def seconds(text: str) -> float:
    """``30s`` as a number."""
    assert text.endswith("s")
    return float(text[:-1])


@dataclass
class Plain:
    """Runs a service's command with its environment, and its health check, without a container.

    Attributes:
        here: what stands for what is in the container: folders, hosts, ports.
    """

    here: Mapping[str, str]
    log: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, service: str, *more: str) -> subprocess.Popen[bytes]:
        words = ["lastgood", *services()[service]["command"], *more]
        with self.log.open("ab") as log:
            self.started.append(
                subprocess.Popen(
                    self._command(words), env=self.environment(service), cwd=ROOT,
                    stdout=log, stderr=log,
                )
            )  # fmt: skip
        return self.started[-1]

    def is_healthy(self, service: str) -> bool:
        kind, *words = services()[service]["healthcheck"]["test"]
        assert kind == "CMD"
        found = subprocess.run(
            self._command(words), env=self.environment(service), cwd=ROOT, capture_output=True
        )
        return found.returncode == 0

    def environment(self, service: str) -> dict[str, str]:
        given = services()[service].get("environment", {})
        plain = {name: v for name, v in os.environ.items() if "LASTGOOD" not in name}
        more = {"LASTGOOD_PORT": self.here["8000"]} if service in OURS else {}
        return plain | {name: self._of_here(str(value)) for name, value in given.items()} | more

    def stop_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _command(self, words: list[str]) -> list[str]:
        ours = {"lastgood": [sys.executable, "-m", "webapp.cli"], "python": [sys.executable]}
        program, *rest = [self._of_here(word) for word in words]
        return [*ours.get(program, [program]), *rest]

    def _of_here(self, text: str) -> str:
        for there, here in self.here.items():
            text = text.replace(there, here)
        return text
