"""How long list pages take with a million items, and by how many queries.

    python -m bench.lists [--quick] [--database sqlite postgresql] [--explain] [--times 60]

Fills a database with 100,000 backup sets, a few more runs, and a million items (see
``bench/loading/past.py``), a quarter of them one customer's, and asks for each list as four people:
the MSP's admin, an operator of all customers, and the managers of the largest and of a small one.
Times are the server's, without a network. The same questions to a hundredth of it say whether the
number of queries depends on how much there is. With --explain: the slowest statements of what is
too slow, with their plans.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from flask import Flask

from bench.loading import asking, filling, installations, report
from bench.loading.filling import Filled
from bench.loading.pages import LIMITS, Page, pages
from bench.loading.past import Size
from webapp import create_app
from webapp.extensions import db

SMALL = 0.01


def main() -> int:
    options = _options()
    result: dict[str, Any] = {"databases": {}, "missed": []}
    for kind in report.databases(options):
        small = _measured(kind, Size().times(SMALL), options)
        whole = _measured(kind, Size().times(0.1) if options.quick else Size(), options)
        result["databases"][kind] = {"small": small, "whole": whole}
        result["missed"] += _missed(kind, small["pages"], whole["pages"])
    return report.finish("lists", options, result, _lines(result["databases"]))


def _measured(kind: str, size: Size, options: argparse.Namespace) -> dict[str, Any]:
    with installations.installed(kind, options.work) as settings:
        app = create_app(settings)
        try:
            with app.app_context():
                filled = filling.fill(size)
                db.session.remove()
            report.say(f"{kind}: {sum(filled.rows.values()):,} rows in {filled.seconds} s")
            return {
                "rows": filled.rows,
                "seconds": filled.seconds,
                "pages": _ask_all(app, filled, options),
            }
        finally:
            with app.app_context():
                db.engine.dispose()


def _ask_all(app: Flask, filled: Filled, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with app.app_context():
        engine, wanted = db.engine, pages(app, filled)
        db.session.remove()
    browsers = {page.person: asking.browser(app, page.person) for page in wanted}
    for page in wanted:
        client = browsers[page.person]
        answer = asking.ask(client, page.address, engine=engine, times=options.times)
        found[page.key] = {**asdict(answer), "limit_ms": LIMITS[page.sort]}
        report.say(f"  {page.key:44} {answer.median_ms:7.1f} {answer.p95_ms:7.1f} ms")
        if options.explain and answer.p95_ms > LIMITS[page.sort]:
            _show(client, page)
    return found


def _show(client: Any, page: Page) -> None:
    for took, plan in asking.slowest(client, page.address)[:3]:
        report.say(f"--- {took} ms\n{plan}\n")


def _missed(kind: str, small: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    for key, one in whole.items():
        if one["p95_ms"] > one["limit_ms"]:
            yield f"{kind}, {key}: p95 {one['p95_ms']} ms, wanted {one['limit_ms']}"
        if one["queries"] > small[key]["queries"]:
            yield f"{kind}, {key}: {one['queries']} queries, {small[key]['queries']} with less"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if not found:
        return
    rows = next(iter(found.values()))["whole"]["rows"]
    told = ("runs", "run_items", "backup_sets", "audit_logs", "notifications")
    yield "## Lists, by `bench/lists.py`"
    yield from ("", "Rows: " + ", ".join(f"{rows[name]:,} {name}" for name in told) + ".", "")
    yield "| page | " + " | ".join(f"{kind}: median, p95 | queries" for kind in found) + " |"
    yield "|---|" + "---|---|" * len(found)
    for key in next(iter(found.values()))["whole"]["pages"]:
        cells = [_cell(one["whole"]["pages"][key]) for one in found.values()]
        yield f"| {key} | " + " | ".join(cells) + " |"


def _cell(one: dict[str, Any]) -> str:
    figures = f"{one['median_ms']:.1f}, {one['p95_ms']:.1f} ms"
    if one["p95_ms"] > one["limit_ms"]:
        figures = f"**{figures}**"
    return f"{figures} | {one['queries']}"


def _options() -> argparse.Namespace:
    parser = report.parser(__doc__ or "")
    parser.add_argument("--times", type=int, default=60, help="how often each page is asked for")
    parser.add_argument("--explain", action="store_true", help="plans of what is too slow")
    options = parser.parse_args()
    options.times = min(options.times, 20) if options.quick else options.times
    return options


if __name__ == "__main__":
    sys.exit(main())
