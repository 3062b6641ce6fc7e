"""``lastgood schedules``: the dispatcher of all schedules."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from webapp import clock
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.cli.schedule_words import moment_typed
from webapp.domain.actors import Actor
from webapp.services import access as gate
from webapp.services import schedules as service


@click.group("schedules")
def schedules() -> None:
    """The dispatcher of all schedules.

    Example: lastgood schedules dispatch
    """


@schedules.command("dispatch")
@click.option("--now", "at", callback=moment_typed, metavar="ISO8601", help="As if it were then.")
@in_app
@acts
@prints_data
def dispatch(at: datetime | None, actor: Actor, console: Console) -> None:
    """Do one tick of the dispatcher, as the scheduler does each minute.

    Example: lastgood schedules dispatch --now 2026-03-29T02:00Z --json
    """
    gate.require_msp_admin(actor)
    done = service.dispatch(at=at or clock.now())
    skipped = sum(done.skipped.values())
    told = f"{done.due} due: {done.started} started, {skipped} skipped, {done.missed} missed"
    console.data(asdict(done), lambda: [told])


COMMANDS = (schedules,)
