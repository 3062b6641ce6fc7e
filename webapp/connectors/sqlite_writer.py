"""Writing a database, whole or not at all. For ``writing`` only.

A sound live database of the same page size is overwritten by ``sqlite_restore``. Otherwise the new
file is written beside its place and moved there. Files beside the old one (``-wal``, ``-shm``,
``-journal``) belong to the old content and would be played into the new one, so they go first. If
that is where a kill comes, what remains is the old file: a sound one was emptied of its log under
lock before, and a damaged one is known by its own bytes alone.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from webapp.connectors.base import REASONS, Action, Planned
from webapp.connectors.database import Copy, Database
from webapp.connectors.pen import Pen
from webapp.connectors.sqlite_copy import NeedsStillCopy, alone_with, translated
from webapp.connectors.sqlite_restore import LiveDatabase
from webapp.connectors.sqlite_still import ALL_SIDES
from webapp.connectors.states import reachable
from webapp.connectors.tree import Tree
from webapp.connectors.tree_places import Places
from webapp.connectors.write_errors import require_same, write_refusal
from webapp.errors import ConnectorError
from webapp.hosts import changing
from webapp.items import Entry, StoredContent, StoredEntry

_BLOCK = 1 << 20


class DatabaseWriter:
    """A ``Writer`` for one database."""

    def __init__(self, database: Database, pen: Pen) -> None:
        self._database, self._pen = database, pen
        parent, _, self._name = database.place().real.rpartition(b"/")
        tree = Tree(
            b"db", os.fsdecode(parent or b"/"), surroundings=database.surroundings, only=self._name
        )
        self._places = Places(tree, pen)

    def apply(self, row: Planned, desired: StoredEntry | None, stored: StoredContent) -> str:
        self._pen.confirm()
        live: Copy | None = None
        try:
            live = self._database.as_it_is()
            if row.action is Action.DELETE:
                reached = self._delete(row, live)
            elif desired is None:
                raise ValueError(f"{row.key}: a row to write needs an entry")
            else:
                reached = self._write(row, desired, live=live, stored=stored)
            self._places.settle()
            return reached
        except OSError as error:
            raise write_refusal(error) from error
        except sqlite3.Error as error:
            raise _refusal(error) from error
        finally:
            self._database.drop(live)

    def finish(self) -> None:
        self._places.finish()

    def close(self) -> None:
        self._places.close()

    def _delete(self, row: Planned, live: Copy | None) -> str:
        if live is not None:
            require_same(live.digest == row.before)
            self._places.touch(self._name)
            folder, name = self._places.of(self._name)
            self._pen.confirm()
            changing.remove(folder, name)
        self._remove_sides()
        return ""

    def _write(
        self, row: Planned, desired: StoredEntry, *, live: Copy | None, stored: StoredContent
    ) -> str:
        then = self._database.stored_copy(desired, stored)
        try:
            present = live.digest if live else ""
            if present == row.after:
                return present
            require_same(then.digest == row.after and present == row.before)
            if live is None or live.contents is None:
                self._replace(then, desired, live=live)
            else:
                self._replace_live(then, desired, live=live)
            return then.digest
        finally:
            self._database.drop(then)

    def _replace_live(self, then: Copy, desired: StoredEntry, *, live: Copy) -> None:
        self._places.touch(self._name)
        folder, name = self._places.of(self._name)
        self._refuse_strange_sides(folder)
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if status.st_nlink > 1:  # written in place, it would change under its other name, too
            message = "The database has a second name, which may lie outside the target."
            raise ConnectorError("escapes_target", message)
        identity = (status.st_dev, status.st_ino)
        opened = LiveDatabase(
            self._database.place().real,
            identity=identity,
            before=live.digest,
            scratch=then.path.parent,
            wait_seconds=self._database.wait_seconds,
        )
        with alone_with(identity):
            if _fits(then, live):
                opened.overwrite(then.path, confirm=self._pen.confirm)
                return
            self._pen.confirm()  # to be held, it may have to leave its log mode
            with opened.held():
                self._replace(then, desired, live=live)

    def _replace(self, then: Copy, desired: StoredEntry, *, live: Copy | None) -> None:
        """Put a new file in the place of a missing or damaged one, or of one that is held."""
        self._places.touch(self._name)
        folder, name = self._places.of(self._name)
        facts = self._facts(desired)
        temporary = self._pen.temporary_name()
        with ExitStack() as undo:
            self._pen.confirm()
            descriptor = changing.new_file(folder, temporary)
            undo.callback(changing.remove, folder, temporary)
            try:
                _fill(descriptor, then.path)
                changing.set_file_facts(descriptor, facts)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._remove_sides()
            self._pen.confirm()
            if live is None:
                changing.take_free_place(folder, temporary, name)
            else:
                changing.take_place(folder, temporary, name)
            undo.pop_all()
        os.fsync(folder)

    def _facts(self, desired: StoredEntry) -> Entry:
        """Owner, mode and attributes of the file that is there; else those in the backup."""
        present = self._database.entry(self._places.root())
        wanted: Entry = desired
        if present is not None:
            wanted = replace(present, mtime_ns=desired.mtime_ns)
        return reachable(wanted, None, rewrites=True)[0]

    def _remove_sides(self) -> None:
        if self._places.target.folder is None:
            return
        folder, name = self._places.of(self._name)
        for side in ALL_SIDES:
            try:
                os.stat(name + side, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            self._places.touch(self._name)
            self._pen.confirm()
            changing.remove(folder, name + side)
        os.fsync(folder)

    def _refuse_strange_sides(self, folder: int) -> None:
        """SQLite opens these by name and would follow a link out of the target."""
        for side in ALL_SIDES:
            try:
                status = os.stat(self._name + side, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise ConnectorError("escapes_target", REASONS["escapes_target"])


def _fits(then: Copy, live: Copy) -> bool:
    """Say whether SQLite can write one over the other page by page."""
    if then.contents is None or live.contents is None:
        return False
    return then.contents.page_size == live.contents.page_size


def _fill(descriptor: int, source: Path) -> None:
    with source.open("rb") as content, os.fdopen(os.dup(descriptor), "wb") as target:
        shutil.copyfileobj(content, target, _BLOCK)


def _refusal(error: sqlite3.Error) -> Exception:
    refused = translated(error)
    if isinstance(refused, NeedsStillCopy):
        return ConnectorError("not_allowed", "The backup user may not write to the database.")
    if isinstance(refused, ConnectorError) and refused.code == "disk_full":
        return ConnectorError("disk_full", REASONS["disk_full"])
    return refused
