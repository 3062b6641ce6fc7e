"""``lastgood vault export``."""

from __future__ import annotations

from pathlib import Path

import click

from webapp.cli.framework import Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import may_be_quiet, shown
from webapp.formatting import number, size
from webapp.standalone import exporting
from webapp.standalone.vaults import Where


@click.command("export")
@opens_vault
@click.argument("snapshot")
@click.argument("path", default="")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    required=True,
    metavar="FILE",
    help="Write it here; a name that ends in .tar is not compressed; - is stdout.",
)
@may_be_quiet
@prints_data
def export(where: Where, snapshot: str, *, path: str, output: Path, console: Console) -> None:
    """Write SNAPSHOT (its id, or latest), or PATH in it, as a tar archive compressed with zstd.

    Hard links, attributes (as SCHILY.xattr), nanoseconds and names that are no text are kept;
    holes become zeros. Unpack it with: tar --xattrs -xf FILE

    Example: lastgood vault export /mnt/backup latest /srv/web --output web.tar.zst
    """
    with shown("export") as tell:
        done = exporting.export(where, snapshot, path=path, output=output, tell=tell)
    if output == exporting.STDOUT:
        return
    told = f"{number(done['entries'])} entries, {size(done['bytes'])}; {size(done['written'])} in"  # type: ignore[arg-type]
    console.data(done, lambda: [f"{told} {output}."], matters=False)


COMMAND = export
