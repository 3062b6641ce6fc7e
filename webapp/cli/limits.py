"""``lastgood limits``: how much at once, how fast, when, and how much there is room for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.cli.schedule_words import moment_typed
from webapp.domain import sizes
from webapp.domain.actors import Actor
from webapp.domain.limits import Values
from webapp.domain.permissions import Permission
from webapp.domain.windows import Window
from webapp.formatting import moment, size
from webapp.models import LimitScope
from webapp.services import access as gate
from webapp.services import limits as service
from webapp.services import quotas
from webapp.services.limits import Held, Place
from webapp.services.quotas import Standing

_NONE = "none"


@click.group("limits")
def limits() -> None:
    """Limit what goes on: of the installation, of TENANT, or of one of its hosts.

    Example: lastgood limits set acme --bandwidth 10MB --window mon-fri@20:00-06:00
    """


def _at_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add TENANT and the host, and what every command has."""
    for decorate in (
        prints_data,
        acts,
        in_app,
        click.option("--this-machine", is_flag=True, help="What holds for TENANT on this machine."),
        click.option("--host", metavar="NAME", help="What holds for TENANT on this host."),
        click.argument("tenant", required=False),
    ):
        function = decorate(function)
    return function


def _count(_context: click.Context, _option: click.Parameter, raw: str | None) -> Any:
    if raw is None or raw == _NONE:
        return raw
    if not (raw.isascii() and raw.isdecimal()):
        raise click.BadParameter("write a whole number, or none")
    return int(raw[:9])


def _size(_context: click.Context, _option: click.Parameter, raw: str | None) -> Any:
    if raw is None or raw == _NONE:
        return raw
    try:
        return sizes.parse(raw)
    except ValueError as problem:
        raise click.BadParameter(f"{problem}; write 10MB, 1.5GB or none") from None


def _windows(_context: click.Context, _option: click.Parameter, raw: tuple[str, ...]) -> Any:
    if _NONE in raw:
        return ()
    try:
        return tuple(Window.parse(text) for text in raw) if raw else None
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


@limits.command("show")
@click.argument("tenant", required=False)
@in_app
@acts
@prints_data
def show(tenant: str | None, *, actor: Actor, console: Console) -> None:
    """Show what holds: of the installation, or for TENANT and its hosts.

    Example: lastgood limits show acme --json
    """
    if tenant is None:
        held = service.read(service.of_installation(actor))
        document = {"installation": _document(held)}
        console.data(document, lambda: _lines("The installation", held, zone="UTC"))
        return
    access = gate.enter(actor, tenant, Permission.VIEW)
    found, standing = service.overview(access), quotas.of(access)
    zone = access.tenant.timezone
    rows = {"The installation": found.installation, access.tenant.name: found.tenant}
    rows |= {f"Host {name}" if name else "This machine": one for name, one in found.hosts.items()}
    console.data(
        {
            "installation": _document(found.installation),
            "tenant": _document(found.tenant),
            "hosts": {name: _document(one) for name, one in found.hosts.items()},
            "quota": {"quota_bytes": standing.quota_bytes, "used_bytes": standing.used_bytes},
        },
        lambda: [
            *(line for name, held in rows.items() for line in _lines(name, held, zone=zone)),
            f"Quota: {_quota(standing)}",
        ],
    )


@limits.command("set")
@click.option("--most-running", callback=_count, metavar="N|none", help="Runs at once.")
@click.option("--bandwidth", callback=_size, metavar="SIZE|none",
              help="How much captures read a second, such as 10MB.")  # fmt: skip
@click.option("--window", "windows", multiple=True, callback=_windows,
              metavar="DAYS@HH:MM-HH:MM|none",
              help="When captures begin, such as mon-fri@20:00-06:00. Repeat for more; they take "
              "the place of those before.")  # fmt: skip
@click.option("--quota", callback=_size, metavar="SIZE|none",
              help="How much TENANT may fill, such as 500GB.")  # fmt: skip
@_at_place
def set_(
    tenant: str | None, *, host: str | None, this_machine: bool, actor: Actor, console: Console,
    **typed: Any,
) -> None:  # fmt: skip
    """Set limits; what is not named stays as it is.

    Example: lastgood limits set acme --bandwidth 10MB --window sat,sun@00:00-00:00 --quota 500GB
    """
    quota = typed.pop("quota")
    chosen = {name: value for name, value in typed.items() if value is not None}
    if quota is None and not chosen:
        raise click.UsageError("Say what to set, such as --bandwidth 10MB.")
    if quota is not None and (tenant is None or host is not None or this_machine):
        raise click.UsageError("A quota is of a whole customer: name TENANT, and no host.")
    place = _place(actor, tenant, host=host, this_machine=this_machine)
    if quota is not None and tenant is not None:
        access = gate.enter(actor, tenant, Permission.ADMINISTER)
        quotas.choose(access, None if quota == _NONE else quota)
    held = service.read(place)
    if chosen:
        held = service.change(place, _changed(held.values, chosen), seen=held.values.mark)
    _tell(place, held, console)


@limits.command("clear")
@_at_place
def clear(
    tenant: str | None, *, host: str | None, this_machine: bool, actor: Actor, console: Console
) -> None:
    """Lift all limits of a place. A pause and a quota stay.

    Example: lastgood limits clear acme --host db1
    """
    place = _place(actor, tenant, host=host, this_machine=this_machine)
    _tell(place, service.clear(place), console)


@limits.command("pause")
@click.option("--reason", required=True, help="Why, for those who wonder; shown and audited.")
@click.option("--until", callback=moment_typed, metavar="ISO8601",
              help="UTC if no zone; without it somebody has to end the pause.")  # fmt: skip
@_at_place
def pause(
    tenant: str | None, *, host: str | None, this_machine: bool, actor: Actor, console: Console,
    **typed: Any,
) -> None:  # fmt: skip
    """Let no capture, drill or maintenance begin. Restores are not held back.

    Example: lastgood limits pause acme --until 2026-12-27T06:00 --reason "moving the servers"
    """
    place = _place(actor, tenant, host=host, this_machine=this_machine)
    until: datetime | None = typed["until"]
    _tell(place, service.pause(place, until, typed["reason"]), console)


@limits.command("resume")
@_at_place
def resume(
    tenant: str | None, *, host: str | None, this_machine: bool, actor: Actor, console: Console
) -> None:
    """End a pause.

    Example: lastgood limits resume acme
    """
    place = _place(actor, tenant, host=host, this_machine=this_machine)
    _tell(place, service.resume(place), console)


def _place(actor: Actor, tenant: str | None, *, host: str | None, this_machine: bool) -> Place:
    if host is not None and this_machine:
        raise click.UsageError("--host or --this-machine, not both.")
    if tenant is None:
        if host is not None or this_machine:
            raise click.UsageError("Hosts are those of a customer: name TENANT.")
        return service.of_installation(actor)
    access = gate.enter(actor, tenant, Permission.MANAGE)
    if host is not None or this_machine:
        return service.of_host(access, host or "")
    return service.of_tenant(access)


def _changed(now: Values, chosen: dict[str, Any]) -> Values:
    names = {"bandwidth": "bytes_per_second"}
    read = {names.get(name, name): value for name, value in chosen.items()}
    wanted: dict[str, Any] = {name: None if v == _NONE else v for name, v in read.items()}
    return replace(now, **wanted)


def _tell(place: Place, held: Held, console: Console) -> None:
    zone = place.tenant.timezone if place.tenant else "UTC"
    of_host = place.scope is LimitScope.HOST
    name = place.tenant.name if place.tenant else "The installation"
    name = f"{name}, {place.host or 'this machine'}" if of_host else name
    console.data(_document(held), lambda: _lines(name, held, zone=zone))


def _document(held: Held) -> dict[str, Any]:
    return {
        **held.values.told(),
        "paused": held.is_paused,
        "paused_until": held.paused_until if held.has_end else None,
        "pause_reason": held.pause_reason,
    }


def _lines(name: str, held: Held, *, zone: str) -> list[str]:
    values, said = held.values, []
    if held.is_paused:
        until = f"until {moment(held.paused_until, zone)}" if held.has_end else "until resumed"
        said.append(f"paused {until} ({held.pause_reason})")
    if values.most_running:
        said.append(f"{values.most_running} at once")
    if values.bytes_per_second:
        said.append(f"{sizes.exact(values.bytes_per_second)} a second")
    if values.windows:
        said.append(f"captures begin {', or '.join(one.in_words() for one in values.windows)}")
    return [f"{name}: {'; '.join(said) or 'no limit'}"]


def _quota(standing: Standing) -> str:
    used = f"{size(standing.used_bytes)} used"
    if standing.quota_bytes is None:
        return f"none, {used}"
    return f"{sizes.exact(standing.quota_bytes)}, {used} ({standing.percent} %)"


COMMANDS = (limits,)
