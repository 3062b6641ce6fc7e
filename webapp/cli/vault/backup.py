"""``lastgood vault backup``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from webapp.cli.framework import EXIT, Console, prints_data
from webapp.cli.vault.options import opens_vault
from webapp.cli.vault.progress import has_bar, may_be_quiet, shown
from webapp.cli.vault.quantities import Compression
from webapp.formatting import length, number, size
from webapp.standalone.backups import Wish, back_up
from webapp.standalone.leaving_out import LeaveOut, paths_in, patterns_in
from webapp.standalone.streams import Stream
from webapp.standalone.vaults import Where

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command("backup")
@opens_vault
@click.argument("paths", nargs=-1, metavar="PATH…", type=click.Path())
@click.option(
    "--files-from",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Back up the paths that FILE names, too, one in a line; - is stdin.",
)
@click.option("--source", default="", metavar="NAME", help="The source; default: host and paths.")
@click.option(
    "-e",
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out, such as *.log or /home/*/.cache; may be given again.",
)
@click.option(
    "--exclude-file",
    "exclude_files",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Leave out what FILE says, one pattern in a line; # begins a comment.",
)
@click.option(
    "--exclude-caches", is_flag=True, help="Leave out what is in folders with a CACHEDIR.TAG."
)
@click.option(
    "--exclude-if-present",
    multiple=True,
    metavar="NAME",
    help="Leave out what is in folders that hold a file NAME, such as .nobackup.",
)
@click.option(
    "-x",
    "--one-file-system",
    is_flag=True,
    help="Leave out what is mounted below a PATH; the folder itself is kept.",
)
@click.option("--stdin", is_flag=True, help="Back up what comes on stdin, as one file.")
@click.option(
    "--stdin-from-command",
    is_flag=True,
    help="Back up what a command writes: PATH… are its name and arguments, after --. If it fails, "
    "there is no snapshot.",
)
@click.option(
    "--stdin-filename",
    default="stdin",
    show_default=True,
    metavar="NAME",
    help="What to call that file in the snapshot, such as /dumps/shop.sql.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    metavar="N",
    help="Threads that compress and seal.",
)
@click.option(
    "--match",
    type=click.Choice(["full", "no-inode", "no-ctime"]),
    default="full",
    help="Compare files without inode numbers, or without ctime.",
)
@click.option(
    "--compression",
    type=Compression(),
    default="default",
    metavar="LEVEL",
    help="off, fast, default, high, max, or 0 to 19: smaller is slower.",
)
@click.option("--paranoid", is_flag=True, help="Read every file, whatever its times say.")
@click.option("--reason", default="", metavar="TEXT", help="Kept with the snapshot.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given again.")
@may_be_quiet
@prints_data
def backup(where: Where, console: Console, **wishes: Any) -> int:
    """Back up files and folders into a new snapshot in VAULT.

    All paths become one snapshot, each under its full path. Unchanged files are not read again.
    Ends with 3 if something could not be read: it is listed, and the rest is safe.

    Example: lastgood vault backup /mnt/backup /etc /home --exclude /home/*/.cache
    """
    leave_out = _left_out(wishes)
    stream = _stream(wishes)
    paths = () if stream else (*wishes.pop("paths"), *paths_in(wishes.pop("files_from")))
    if not paths and stream is None:
        raise click.UsageError("Name at least one PATH to back up, or --files-from FILE.")
    wish = Wish(paths=paths, leave_out=leave_out, stream=stream, estimate=has_bar(), **wishes)
    with shown("backup") as tell:
        made = back_up(where, wish, say=console.say_plainly, mention=console.mention, tell=tell)
    failed = bool(made["failed"])
    console.data(made, lambda: _lines(made), matters=failed)
    return EXIT.PARTIAL if failed else EXIT.DONE


def _stream(wishes: dict[str, Any]) -> Stream | None:
    """Take out of the *wishes* what one stream needs, if that is wanted instead of paths."""
    is_input, is_command = wishes.pop("stdin"), wishes.pop("stdin_from_command")
    name = wishes.pop("stdin_filename")
    if not is_input and not is_command:
        return None
    command, files = wishes.pop("paths"), wishes.pop("files_from")
    if files or (is_input and is_command) or bool(command) is not is_command:
        raise click.UsageError(_ONE_STREAM)
    return Stream(name=name, command=command)


_ONE_STREAM = (
    "A stream is a snapshot of its own. Write: PROGRAM | lastgood vault backup VAULT --stdin, or: "
    "lastgood vault backup VAULT --stdin-from-command -- PROGRAM ARGUMENT…"
)


def _left_out(wishes: dict[str, Any]) -> LeaveOut:
    """Take out of the *wishes* what is not wanted."""
    return LeaveOut(
        patterns=(*wishes.pop("exclude"), *patterns_in(wishes.pop("exclude_files"))),
        caches=wishes.pop("exclude_caches"),
        marked_by=wishes.pop("exclude_if_present"),
        one_file_system=wishes.pop("one_file_system"),
    )


def _lines(made: dict[str, Any]) -> list[str]:
    found = [
        f"Snapshot {made['snapshot_id'][:8]} of {made['source']}",
        f"{number(made['files'])} files ({number(made['new'])} new, {number(made['changed'])} "
        f"changed), {number(made['dirs'])} folders, {size(made['bytes'])}",
        f"read {size(made['bytes_read'])}, stored {size(made['bytes_stored'])} "
        f"in {length(made['seconds'])}",
    ]
    if made["failed"]:
        found.append(f"{number(made['failed'])} could not be read; see above.")
    return found


COMMAND = backup
