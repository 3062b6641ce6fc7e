"""``lastgood items`` and ``lastgood export``: what is inside a restore point."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import click

from webapp.cli.framework import Console, acts, in_app, prints_data
from webapp.domain.actors import Actor
from webapp.domain.permissions import Permission
from webapp.errors import NotFound
from webapp.items import EntryKind, StoredEntry, key_of, path_of, text_to_path
from webapp.services import access as gate
from webapp.services import browse, sets


@click.command("items")
@click.argument("tenant")
@click.argument("set_name", metavar="SET")
@click.argument("path", default="")
@in_app
@acts
@prints_data
def items(tenant: str, set_name: str, path: str, *, actor: Actor, console: Console) -> None:
    """List what the backup set SET (an id, or latest) of TENANT holds at PATH.

    PATH is an item key such as tree:images or tree:, or a path such as tree/images.

    Example: lastgood items acme latest tree:images
    """
    access = gate.enter(actor, tenant, Permission.VIEW_CONTENT)
    set_id = sets.called(access, set_name).id
    found: list[StoredEntry] = []
    while True:
        listing = browse.folder(access, set_id, _path(path), offset=len(found))
        found += listing.entries
        if not listing.has_more:
            break
    console.data(
        [_document(entry) for entry in found],
        lambda: [f"{entry.kind:<8} {entry.size:>12,}  {key_of(entry.path)}" for entry in found],
    )


def _path(typed: str) -> bytes:
    if ":" not in typed:
        return text_to_path(typed.strip("/"))
    try:
        return path_of(typed)
    except ValueError as error:
        raise NotFound(str(error)) from None


def _document(entry: StoredEntry) -> dict[str, Any]:
    return {
        "key": key_of(entry.path),
        "kind": entry.kind,
        "size": entry.size if entry.kind is EntryKind.FILE else None,
        "mode": f"{entry.mode:04o}",
        "owner": f"{entry.user or entry.uid}:{entry.group or entry.gid}",
        "mtime_ns": entry.mtime_ns,
        "digest": entry.digest.hex(),
    }


@click.command("export")
@click.argument("tenant")
@click.argument("set_name", metavar="SET")
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.tar.zst", help="Where to write the archive; must not exist.",
)  # fmt: skip
@in_app
@acts
@prints_data
def export(tenant: str, set_name: str, *, output: Path, actor: Actor, console: Console) -> None:
    """Write the whole backup set SET of TENANT into one archive.

    Example: lastgood export acme latest --output /tmp/site.tar.zst
    """
    access = gate.enter(actor, tenant, Permission.VIEW_CONTENT)
    set_id = sets.called(access, set_name).id
    size = _write(output, browse.archive(access, set_id))
    document = {"set_id": str(set_id), "output": str(output), "bytes": size}
    console.data(document, lambda: [f"Wrote {size:,} bytes to {output}"])


def _write(output: Path, parts: Any) -> int:
    """Whole or not at all: a partial file beside it, which takes the name at the end."""
    partial = output.with_name(f".{output.name}.{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.link(partial, output)
    except FileExistsError:
        raise click.UsageError(f"{output} exists already.") from None
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    return size


COMMANDS = (items, export)
