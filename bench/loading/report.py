"""What a bench measured: JSON for machines, Markdown for docs/benchmarks.md, and a verdict."""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.loading.installations import KINDS, POSTGRESQL, available
from bench.peering.report import machine as bare_machine
from tests.postgres import programs

_LIBRARIES = ("flask", "sqlalchemy", "psycopg", "huey", "gunicorn")
OUTPUT = Path("build/bench")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parser(description: str) -> argparse.ArgumentParser:
    """With the options that all of these benches have."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = found.add_argument
    add("--quick", action="store_true", help="a small form, for make bench")
    add("--database", nargs="+", choices=KINDS, default=list(KINDS), help="on these")
    add("--work", type=Path, metavar="DIR", help="where the data goes (a temporary folder)")
    add("--output", type=Path, metavar="DIR", default=OUTPUT)
    return found


def databases(options: argparse.Namespace) -> list[str]:
    """Those that were asked for and are there."""
    found = available(options.database)
    for kind in sorted(set(options.database) - set(found)):
        say(f"{kind} is not installed: left out. .ci/packages postgresql")
    return found


def machine() -> dict[str, str]:
    found = {**bare_machine(), **{name: metadata.version(name) for name in _LIBRARIES}}
    return {**found, "SQLite": sqlite3.sqlite_version, "PostgreSQL": _postgresql()}


def _postgresql() -> str:
    place = programs()
    if place is None:
        return "none"
    said = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True)
    return said.stdout.split()[2] if said.returncode == 0 else "?"


def commit() -> str:
    words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    said = subprocess.run(words, capture_output=True, text=True)
    return said.stdout.strip() or "?"


def finish(
    name: str, options: argparse.Namespace, result: dict[str, Any], lines: Iterable[str]
) -> int:
    """Write and print it; the exit code: 1 where a target is missed that is meant to be met.

    *result* has ``missed``: one sentence for each target that was not met.
    """
    missed: Sequence[str] = result["missed"]
    whole = {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit(), "machine": machine(), "quick": options.quick, **result,
    }  # fmt: skip
    head = (
        f"{', '.join(f'{key} {value}' for key, value in whole['machine'].items())}. "
        f"Lastgood at {whole['commit']}, {whole['when']}."
    )
    text = "\n".join([*lines, "", head, *(f"**Missed**: {one}" for one in missed)]) + "\n"
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / f"{name}.json").write_text(json.dumps(whole, indent=1, default=str))
    (options.output / f"{name}.md").write_text(text)
    print(text, flush=True)
    say(f"written to {options.output}/{name}.md and {name}.json")
    return 1 if missed and not options.quick else 0


def share(values: Sequence[float], part: float) -> float:
    """The value that *part* of them do not exceed: 0.95 for p95."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


__all__ = ["POSTGRESQL", "commit", "databases", "finish", "machine", "parser", "say", "share"]
