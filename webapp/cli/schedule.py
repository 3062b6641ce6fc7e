"""``lastgood schedule``: when sources are captured."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import click

from webapp import clock
from webapp.cli import schedule_words as words
from webapp.cli import waiting
from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.domain.schedules import upcoming
from webapp.formatting import moment
from webapp.models import BackupSchedule, BackupScheduleRun, Run
from webapp.services import access as gate
from webapp.services import schedules as service
from webapp.services import sources
from webapp.services.access import Access


@click.group("schedule")
def schedule() -> None:
    """Say when sources are captured. SCHEDULE is a name or an id.

    Example: lastgood schedule add acme website --daily 02:00 --timezone Europe/Berlin
    """


@schedule.command("add")
@click.argument("tenant")
@click.argument("source")
@words.describes_schedule
@in_app
@acts
@prints_data
def add(tenant: str, source: str, *, actor: Actor, console: Console, **typed: Any) -> None:
    """Capture SOURCE of TENANT by a schedule.

    Example: lastgood schedule add acme website --weekly mon-fri@22:30 --keep-last 14
    """
    said = words.fields(**typed)
    access = gate.enter(actor, tenant, Permission.MANAGE)
    found = sources.called(access, source)
    made = service.create(access, found.id, words.new_draft(said, found.name))
    _show(made, console)


@schedule.command("list")
@click.argument("tenant")
@click.option("--archived", is_flag=True, help="Those that were put away.")
@in_app
@acts
@prints_data
def list_(tenant: str, archived: bool, actor: Actor, console: Console) -> None:
    """List the schedules of TENANT.

    Example: lastgood schedule list acme --json
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = [words.document(row) for row in service.list_for(access, archived=archived)]
    console.data(found, lambda: [words.line(row) for row in found])


@schedule.command("next")
@click.argument("tenant")
@click.argument("schedule_name", metavar="SCHEDULE")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 1000))
@in_app
@acts
@prints_data
def next_(tenant: str, schedule_name: str, *, count: int, actor: Actor, console: Console) -> None:
    """Show the next slots, with those that a clock change leaves out.

    Example: lastgood schedule next acme "website daily"
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = service.called(access, schedule_name)
    slots = [asdict(slot) for slot in upcoming(service.draft_of(found), clock.now(), count)]
    console.data(slots, lambda: [_slot_ahead(slot) for slot in slots])


@schedule.command("edit")
@click.argument("tenant")
@click.argument("schedule_name", metavar="SCHEDULE")
@click.option("--version", type=int, help="Refuse if it has changed since this version.")
@click.option("--reason", default="", help="For whoever has to approve that it keeps less.")
@words.describes_schedule
@in_app
@acts
@prints_data
def edit(
    tenant: str,
    schedule_name: str,
    *,
    version: int | None,
    reason: str,
    actor: Actor,
    console: Console,
    **typed: Any,
) -> None:
    """Change what you name; the rest stays.

    Example: lastgood schedule edit acme "website daily" --daily 03:15
    """
    said = words.fields(**typed)
    access = gate.enter(actor, tenant, Permission.MANAGE)
    found = service.called(access, schedule_name)
    seen = found.version if version is None else version
    draft = replace(service.draft_of(found), **said)
    _show(service.edit(access, found.id, draft, version=seen, reason=reason), console)


@schedule.command("enable")
@words.on_schedule
def enable(tenant: str, schedule_name: str, actor: Actor, console: Console) -> None:
    """Let a schedule run again, from its next slot on.

    Example: lastgood schedule enable acme "website daily"
    """
    access, schedule_id = _named(actor, tenant, schedule_name)
    _show(service.enable(access, schedule_id), console)


@schedule.command("disable")
@words.on_schedule
def disable(tenant: str, schedule_name: str, actor: Actor, console: Console) -> None:
    """Let a schedule rest until it is enabled.

    Example: lastgood schedule disable acme "website daily"
    """
    access, schedule_id = _named(actor, tenant, schedule_name)
    _show(service.disable(access, schedule_id), console)


@schedule.command("pause")
@click.argument("tenant")
@click.argument("schedule_name", metavar="SCHEDULE")
@click.option(
    "--until", required=True, callback=words.moment_typed, metavar="ISO8601", help="UTC if no zone."
)
@click.option("--reason", required=True, help="Why, for those who wonder.")
@in_app
@acts
@prints_data
def pause(
    tenant: str, schedule_name: str, *, until: datetime, reason: str, actor: Actor, console: Console
) -> None:
    """Skip the slots until a moment; each is shown as skipped.

    Example: lastgood schedule pause acme "website daily" --until 2026-12-27 --reason "closed"
    """
    access, schedule_id = _named(actor, tenant, schedule_name)
    _show(service.pause(access, schedule_id, until, reason), console)


@schedule.command("resume")
@words.on_schedule
def resume(tenant: str, schedule_name: str, actor: Actor, console: Console) -> None:
    """End a pause.

    Example: lastgood schedule resume acme "website daily"
    """
    access, schedule_id = _named(actor, tenant, schedule_name)
    _show(service.pause(access, schedule_id, None, ""), console)


@schedule.command("archive")
@words.on_schedule
def archive(tenant: str, schedule_name: str, actor: Actor, console: Console) -> None:
    """Put a schedule away for good. Its history and its backup sets stay.

    Example: lastgood schedule archive acme "website daily"
    """
    access, schedule_id = _named(actor, tenant, schedule_name)
    _show(service.archive(access, schedule_id), console)


@schedule.command("run-now")
@click.argument("tenant")
@click.argument("schedule_name", metavar="SCHEDULE")
@click.option("--wait", is_flag=True, help="Wait for the end and exit by it.")
@in_app
@acts
@prints_data
def run_now(tenant: str, schedule_name: str, wait: bool, actor: Actor, console: Console) -> None:
    """Do a schedule's work now.

    Example: lastgood schedule run-now acme "website daily" --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    found = service.called(access, schedule_name)
    _started(access, service.run_now(access, found.id), console, wait=wait)


@schedule.command("retry")
@click.argument("tenant")
@click.argument("slot", type=click.UUID)
@click.option("--wait", is_flag=True, help="Wait for the end and exit by it.")
@in_app
@acts
@prints_data
def retry(tenant: str, slot: UUID, wait: bool, actor: Actor, console: Console) -> None:
    """Do the work of SLOT (an id out of the history) once more.

    Example: lastgood schedule retry acme 0193a1b2-… --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    _started(access, service.retry(access, slot), console, wait=wait)


@schedule.command("history")
@click.argument("tenant")
@click.argument("schedule_name", metavar="SCHEDULE")
@click.option("--limit", default=50, show_default=True, help="At most so many.")
@in_app
@acts
@prints_data
def history(tenant: str, schedule_name: str, *, limit: int, actor: Actor, console: Console) -> None:
    """Show what became of each slot, newest first.

    Example: lastgood schedule history acme "website daily"
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = service.called(access, schedule_name)
    slots = [words.slot_document(s) for s in service.history(access, found.id, limit=limit)]
    console.data(slots, lambda: [words.slot_line(slot) for slot in slots])


def _named(actor: Actor, tenant: str, name: str) -> tuple[Access, UUID]:
    access = gate.enter(actor, tenant, Permission.MANAGE)
    return access, service.called(access, name).id


def _show(found: BackupSchedule, console: Console) -> None:
    document = words.document(found)
    console.data(document, lambda: [words.line(document)])


def _started(
    access: Access,
    started: tuple[BackupScheduleRun, Run | None, bool],
    console: Console,
    *,
    wait: bool,
) -> None:
    slot, run, is_new = started
    slot_id, run_id = slot.id, run.id if run else None
    if not is_new:
        Console.say("This schedule's run is already under way.")
    ended = waiting.until_ended(access, run_id) if wait and run_id else None
    document = words.slot_document(service.find_slot(access, slot_id))
    console.data(document, lambda: [words.slot_line(document)])
    if ended:
        waiting.end(ended)


def _slot_ahead(slot: dict[str, Any]) -> str:
    told = f"{slot['local']:%a %Y-%m-%d %H:%M}  {moment(slot['utc']) if slot['utc'] else '–':<19}"
    return f"{told}  {slot['note']}".rstrip()


COMMANDS = (schedule,)
