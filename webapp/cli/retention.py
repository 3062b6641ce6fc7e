"""``lastgood retention``: what stays, the trash, and the vault freed of what is over."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

import click

from webapp.cli import waiting
from webapp.cli.framework import EXIT, Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.formatting import moment
from webapp.models import BackupSet, Run
from webapp.services import access as gate
from webapp.services import retention as rules
from webapp.services import runs, sources
from webapp.services.access import Access

_wait = click.option("--wait", is_flag=True, help="Wait until it ended, and exit as it did.")


@click.group("retention")
def retention() -> None:
    """See what the rules keep, and bring back what they took.

    Example: lastgood retention preview acme
    """


@retention.command("preview")
@click.argument("tenant")
@click.option("--source", "source_name", help="Only this source's.")
@in_app
@acts
@prints_data
def preview(tenant: str, source_name: str | None, actor: Actor, console: Console) -> None:
    """Say of every set of TENANT whether it stays, and by which rule. Changes nothing.

    Example: lastgood retention preview acme --source website
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    source_id = sources.called(access, source_name).id if source_name else None
    found = rules.judged(access, source_id=source_id)
    console.data(
        [rules.as_document(one) for one in found],
        lambda: [
            f"{one.set.id}  {moment(one.set.finished_at)}  "
            f"{'stays' if one.decision.is_kept else 'goes':<5}  {one.set.name}: {one.decision.rule}"
            for one in found
        ],
    )


@retention.command("run")
@click.argument("tenant")
@click.option("--schedule", "schedule_id", type=click.UUID, help="Only what this schedule made.")
@_wait
@in_app
@acts
@prints_data
def run(
    tenant: str, schedule_id: UUID | None, *, wait: bool, actor: Actor, console: Console
) -> None:
    """Put what no rule keeps into the trash.

    Example: lastgood retention run acme --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    started, _ = rules.of_schedule(access, schedule_id) if schedule_id else rules.of_all(access)
    _follow(access, started, console, wait=wait)


@retention.command("purge")
@click.argument("tenant")
@click.option("--may-free-most", is_flag=True, help="More than half of the vault may go.")
@click.option("--reason", default="", help="Why; it is kept in the audit log.")
@_wait
@in_app
@acts
@prints_data
def purge(tenant: str, *, wait: bool, actor: Actor, console: Console, **wishes: Any) -> None:
    """Give up what was in the trash for 7 days, and free the vault of it.

    Example: lastgood retention purge acme --wait
    """
    access = gate.enter(actor, tenant, Permission.OPERATE)
    _follow(access, rules.purge(access, **wishes)[0], console, wait=wait)


@retention.command("trash")
@click.argument("tenant")
@in_app
@acts
@prints_data
def trash(tenant: str, actor: Actor, console: Console) -> None:
    """List what was deleted and can be brought back, deleted last first.

    Example: lastgood retention trash acme
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    found = rules.rows(access)
    console.data(
        [_document(row) for row in found],
        lambda: [
            f"{row.id}  until {moment(rules.kept_until(row))}  {row.name}: {row.deleted_by_rule}"
            for row in found
        ],
    )


@retention.command("undelete")
@click.argument("tenant")
@click.argument("set_id", metavar="SET", type=click.UUID)
@in_app
@acts
@prints_data
def undelete(tenant: str, set_id: UUID, actor: Actor, console: Console) -> None:
    """Bring SET back from the trash, pinned.

    Example: lastgood retention undelete acme 0193a1b2-…
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    _told(rules.undelete(access, set_id), console, "is back, and pinned")


@retention.command("delete")
@click.argument("tenant")
@click.argument("set_id", metavar="SET", type=click.UUID)
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@in_app
@acts
@prints_data
def delete(tenant: str, set_id: UUID, *, reason: str, actor: Actor, console: Console) -> None:
    """Put SET into the trash.

    Example: lastgood retention delete acme 0193a1b2-… --reason "customer asked for it"
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    _told(rules.delete(access, set_id, reason=reason), console, "is in the trash for 7 days")


@retention.command("hold")
@click.argument("tenant")
@click.argument("set_id", metavar="SET", type=click.UUID)
@click.option("--reason", default="", help="Why; it is kept in the audit log.")
@click.option("--release", is_flag=True, help="End the hold.")
@in_app
@acts
@prints_data
def hold(
    tenant: str, set_id: UUID, *, reason: str, release: bool, actor: Actor, console: Console
) -> None:
    """Keep SET whatever rules and people say, or no more.

    Example: lastgood retention hold acme 0193a1b2-… --reason "case 4711"
    """
    access = gate.enter(actor, tenant, Permission.MANAGE)
    if release:
        _told(rules.release(access, set_id, reason=reason), console, "is no longer on hold")
    else:
        _told(rules.hold(access, set_id, reason=reason), console, "is on hold")


@retention.command("rules")
@click.argument("tenant")
@click.option("--by-hand", "hand_days", type=click.IntRange(0), metavar="DAYS",
              help="Keep sets made by hand so long; 0: until a person deletes them.")  # fmt: skip
@click.option("--pre-restore", "pre_restore_days", type=click.IntRange(1), metavar="DAYS",
              help="Keep what a restore overwrote so long; 30 at least.")  # fmt: skip
@click.option("--reason", default="", help="Why; it is kept in the audit log.")
@in_app
@acts
@prints_data
def own_rules(
    tenant: str,
    *,
    hand_days: int | None,
    pre_restore_days: int | None,
    reason: str,
    actor: Actor,
    console: Console,
) -> None:
    """Show, or set, for how long sets of TENANT stay that no schedule made.

    Example: lastgood retention rules acme --by-hand 365
    """
    access = gate.enter(actor, tenant, Permission.VIEW)
    now = rules.own_rules(access.tenant)
    if hand_days is not None or pre_restore_days is not None:
        now = rules.choose(
            access,
            hand_days=now.hand_days if hand_days is None else hand_days or None,
            pre_restore_days=pre_restore_days or now.pre_restore_days,
            reason=reason,
        )
    by_hand = "until a person deletes them" if now.hand_days is None else f"{now.hand_days} days"
    console.data(
        asdict(now),
        lambda: [f"by hand: {by_hand}", f"before a restore: {now.pre_restore_days} days"],
    )


def _follow(access: Access, started: Run, console: Console, *, wait: bool) -> None:
    document = runs.present(access, started.id)
    if wait:
        document = waiting.until_ended(access, started.id)
    console.data(document, lambda: [f"{document['id']}  {document['status']}"])
    if wait:
        waiting.end(document)
    raise click.exceptions.Exit(EXIT.DONE)


def _told(row: BackupSet, console: Console, what: str) -> None:
    console.data(_document(row), lambda: [f"{row.name} {what}."])


def _document(row: BackupSet) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "source_id": str(row.source_id),
        "deleted_at": row.deleted_at,
        "deleted_by_rule": row.deleted_by_rule,
        "kept_until": rules.kept_until(row),
        "pinned": row.pinned,
        "on_hold": row.on_hold or None,
    }


COMMANDS = (retention,)
