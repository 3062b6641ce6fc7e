"""``lastgood audit``: who did what, and whether the list can be trusted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.services import access as gate
from webapp.services import audit_chain, audit_log
from webapp.services.audit_log import Chain, Filter

_DAY = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group("audit")
def audit() -> None:
    """Read, export and verify the audit log: of TENANT, or without it of the installation.

    Example: lastgood audit verify acme
    """


def _filters(function: Any) -> Any:
    for option in (
        click.option("--until", type=_DAY, help="Before this moment, UTC."),
        click.option("--since", type=_DAY, help="From this moment on, UTC."),
        click.option("--action", default="", help="Only this action, such as source.added."),
        click.option(
            "--actor", "actor_text", default="", help="Only actors with this in the name."
        ),
    ):
        function = option(function)
    return function


@audit.command("list")
@click.argument("tenant", required=False)
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@_filters
@in_app
@acts
@prints_data
def list_(tenant: str | None, *, limit: int, actor: Actor, console: Console, **typed: Any) -> None:
    """Show the newest entries, newest first.

    Example: lastgood audit list acme --since 2026-01-01 --actor anna
    """
    found = audit_log.newest(_chain(actor, tenant), _filter(typed), limit=limit)
    documents = [audit_log.as_document(entry) for entry in found]
    console.data(documents, lambda: [_line(document) for document in documents])


@audit.command("export")
@click.argument("tenant", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="CSV instead of JSON lines.")
@_filters
@in_app
@acts
def export(tenant: str | None, *, as_csv: bool, actor: Actor, **typed: Any) -> None:
    """Write all entries to standard output, oldest first, one JSON document a line.

    Example: lastgood audit export acme > audit.jsonl
    """
    chain, wanted = _chain(actor, tenant), _filter(typed)
    audit_log.note_export(chain, wanted, "csv" if as_csv else "jsonl")
    write = audit_log.csv_lines if as_csv else audit_log.json_lines
    for line in write(chain, wanted):
        sys.stdout.write(line)


@audit.command("verify")
@click.argument("tenant", required=False)
@in_app
@acts
@prints_data
def verify(tenant: str | None, actor: Actor, console: Console) -> None:
    """Recompute the whole chain. Exits 1 if an entry was changed, removed or cut off.

    Example: lastgood audit verify acme --json
    """
    verdict = audit_chain.verify(_chain(actor, tenant).id)
    document = {
        "ok": verdict.ok,
        "length": verdict.length,
        "first_bad_seq": verdict.first_bad_seq,
        "head": verdict.head,
        "problem": verdict.problem,
    }
    whole = f"The chain is whole: {verdict.length} entries, head {verdict.head}"
    console.data(document, lambda: [whole if verdict.ok else f"DAMAGED: {verdict.problem}"])
    if not verdict.ok:
        raise click.exceptions.Exit(EXIT.FAILED)


def _chain(actor: Actor, tenant: str | None) -> Chain:
    if tenant is None:
        return audit_log.of_installation(actor)
    return audit_log.of_tenant(gate.enter(actor, tenant, Permission.VIEW_AUDIT))


def _filter(typed: dict[str, Any]) -> Filter:
    def utc(moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=UTC) if moment else None

    return Filter(
        actor=typed["actor_text"],
        action=typed["action"],
        since=utc(typed["since"]),
        until=utc(typed["until"]),
    )


def _line(document: dict[str, Any]) -> str:
    at = document["at"][:19].replace("T", " ")
    reason = f"  “{document['reason']}”" if document["reason"] else ""
    action, resource = document["action"], document["resource"]
    return f"{document['seq']:>6}  {at}  {document['actor']:<28}  {action:<22}  {resource}{reason}"


COMMANDS = (audit,)
