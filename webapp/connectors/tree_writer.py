"""Writing a folder's items, one by one, each whole or not at all. For ``writing`` only.

A file is written beside its place, under a temporary name, with all its facts, and then takes the
place in one step. So a reader sees the old file or the new one, and a kill at any moment leaves
the old one and a temporary name, which the next writer of the same run removes. Only where a
single fact differs, or the file is very large and its content stays, facts are set in place.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from webapp.connectors.base import Action, Planned
from webapp.connectors.content import write_content
from webapp.connectors.pen import Pen
from webapp.connectors.states import differences, own_groups, reachable, state_of
from webapp.connectors.tree import Tree
from webapp.connectors.tree_places import Places
from webapp.connectors.tree_target import Blocked, Live, content_differs
from webapp.connectors.write_errors import require_same, write_refusal
from webapp.errors import ConnectorError
from webapp.hosts import changing
from webapp.hosts.facts import describe
from webapp.items import Entry, EntryKind, StoredContent, StoredEntry

_LARGE_BYTES = 64 * 1024 * 1024


class TreeWriter:
    """A ``Writer`` for the items of one folder."""

    def __init__(self, tree: Tree, pen: Pen) -> None:
        self._pen = pen
        self._section = len(tree.section) + 1
        self._tree = tree
        self._places = Places(tree, pen)
        self._durable = not self._places.is_new

    def apply(self, row: Planned, desired: StoredEntry | None, stored: StoredContent) -> str:
        path = self._tree.relative(row.key)
        self._pen.confirm()
        try:
            self._places.target.refuse(path)
            reached = self._carry_out(path, row, desired, stored=stored)
            if self._tree.only:
                # The folder is another part's too, which must find its time as it was.
                self._places.settle()
            return reached
        except Blocked as blocked:
            raise ConnectorError(blocked.code, str(blocked)) from blocked
        except OSError as error:
            raise write_refusal(error) from error

    def _carry_out(
        self, path: bytes, row: Planned, desired: StoredEntry | None, *, stored: StoredContent
    ) -> str:
        self._places.is_there()
        live = self._places.target.live(path)
        if row.action is Action.DELETE:
            return self._delete(path, row, live)
        if desired is None:
            raise ValueError(f"{row.key}: a row to write needs an entry")
        return self._write(path, row, desired, live=live, stored=stored)

    def finish(self) -> None:
        try:
            self._places.finish()
        except OSError as error:
            raise write_refusal(error) from error

    def close(self) -> None:
        self._places.close()

    def _delete(self, path: bytes, row: Planned, live: Live | None) -> str:
        if live is None:
            return ""
        require_same(live.state == row.before)
        self._places.touch(path)
        folder, name = self._places.of(path)
        self._require_still(folder, name, live)
        self._pen.confirm()
        changing.remove(folder, name)
        self._sync(folder)
        self._places.gone(path)
        return ""

    def _write(
        self,
        path: bytes,
        row: Planned,
        desired: StoredEntry,
        *,
        live: Live | None,
        stored: StoredContent,
    ) -> str:
        rewrites = content_differs(desired, live)
        wanted, _ = reachable(desired, live.entry if live else None, rewrites=rewrites)
        after = state_of(wanted, desired.digest)
        present = live.state if live else ""
        if present == row.after and self._is_done(path, wanted, live):
            return present
        require_same(after == row.after and self._is_expected(path, row, wanted, live=live))
        if wanted.kind is EntryKind.FOLDER:
            self._write_folder(path, wanted, live)
        elif live is not None and self._fits_in_place(path, wanted, live):
            self._set_in_place(path, wanted, live)
        else:
            self._write_beside(path, wanted, live=live, stored=stored)
        return after if wanted.kind is EntryKind.FOLDER else self._seen(path, wanted)

    def _seen(self, path: bytes, wanted: StoredEntry) -> str:
        """The state that the file system says was reached: some keep no owners or exact times."""
        folder, name = self._places.of(path)
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        entry = describe(b"", status, folder=folder, name=name)
        return state_of(entry, wanted.digest) if entry is not None else ""

    def _is_done(self, path: bytes, wanted: StoredEntry, live: Live | None) -> bool:
        """An earlier worker of this run got here; a folder's time is still to be set."""
        if wanted.kind is EntryKind.FOLDER:
            return False
        return live is not None and self._is_linked(wanted, live)

    def _is_expected(
        self, path: bytes, row: Planned, wanted: StoredEntry, *, live: Live | None
    ) -> bool:
        present = live.state if live else ""
        if present in {row.before, row.after}:
            return True
        if live is None or wanted.kind is not EntryKind.FOLDER:
            return False
        if row.before == "" and self._places.target.holds_hidden_only(path):
            return True  # made on the way to a database or config file that lies in it
        # A folder that this run has made, and keeps open to itself until it is finished.
        opened = replace(live.entry, mode=wanted.mode)
        return live.entry.mode == _open_mode(wanted.mode) and state_of(opened, b"") == row.after

    def _write_folder(self, path: bytes, wanted: StoredEntry, live: Live | None) -> None:
        mode = _open_mode(wanted.mode)
        made = replace(wanted, mode=mode)
        if live is not None and live.entry.kind is EntryKind.FOLDER:
            self._set_in_place(path, made, live)
        else:
            self._place(path, made, live=live)
        if not path:
            self._places.reopen()
        self._places.times[path] = wanted.mtime_ns
        if mode != wanted.mode:
            self._places.modes[path] = wanted.mode

    def _fits_in_place(self, path: bytes, wanted: StoredEntry, live: Live) -> bool:
        """Setting one fact is one step; several are not, unless copying would cost too much."""
        if wanted.kind is not EntryKind.FILE or live.entry.kind is not EntryKind.FILE:
            return False
        shared = live.status.st_nlink > 1 or not self._is_linked(wanted, live)
        if shared or content_differs(wanted, live):
            return False
        if os.geteuid() != 0 and wanted.gid not in own_groups():
            return True  # a new file could not have this group
        return len(differences(live.entry, wanted)) == 1 or wanted.size > _LARGE_BYTES

    def _set_in_place(self, path: bytes, wanted: Entry, live: Live) -> None:
        root = self._places.target.folder
        if not path and root is not None:
            folder, name = root.descriptor, b"."
        else:
            folder, name = self._places.of(path)
        self._require_still(folder, name, live, exactly=wanted.kind is not EntryKind.FOLDER)
        self._pen.confirm()
        changing.set_facts(folder, name, wanted)

    def _write_beside(
        self, path: bytes, wanted: StoredEntry, *, live: Live | None, stored: StoredContent
    ) -> None:
        if wanted.kind is not EntryKind.FILE:
            self._place(path, wanted, live=live)
        elif not self._link(path, wanted, live=live):
            self._place(path, wanted, live=live, stored=stored)

    def _place(
        self,
        path: bytes,
        wanted: StoredEntry,
        *,
        live: Live | None,
        stored: StoredContent | None = None,
    ) -> None:
        temporary = self._pen.temporary_name()
        self._places.touch(path)
        folder, name = self._places.of(path)
        self._pen.confirm()
        try:
            if stored is None:
                changing.new_node(folder, temporary, wanted)
            else:
                self._new_file(folder, temporary, wanted, stored=stored)
            self._take(folder, temporary, name, live=live, wanted=wanted)
        except BaseException:
            changing.remove(folder, temporary)
            raise
        if live is not None:
            self._places.gone(path)

    def _new_file(
        self, folder: int, temporary: bytes, wanted: StoredEntry, *, stored: StoredContent
    ) -> None:
        descriptor = changing.new_file(folder, temporary)
        try:
            write_content(descriptor, wanted, stored, confirm=self._pen.confirm)
            changing.set_file_facts(descriptor, wanted)
            if self._durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _take(
        self, folder: int, temporary: bytes, name: bytes, *, live: Live | None, wanted: Entry
    ) -> None:
        """Move what is complete to its place, if that is still as it was found."""
        self._pen.confirm()
        if live is None:
            changing.take_free_place(folder, temporary, name)
        else:
            self._require_still(folder, name, live)
            if EntryKind.FOLDER in {wanted.kind, live.entry.kind}:
                changing.swap_places(folder, temporary, name)
            else:
                changing.take_place(folder, temporary, name)
        self._sync(folder)

    def _is_linked(self, wanted: StoredEntry, live: Live) -> bool:
        first = wanted.hardlink[self._section :]
        if not first:
            return True
        status = self._places.target.status(first)
        if status is None or (status.st_dev, status.st_ino) == live.identity:
            return True
        return self._found_as(first, wanted) is None

    def _found_as(self, first: bytes, wanted: StoredEntry) -> Live | None:
        """The first name of a shared file, if it is there and as it should be."""
        live = self._places.target.live(first)
        return live if live is not None and live.state == state_of(wanted, wanted.digest) else None

    def _link(self, path: bytes, wanted: StoredEntry, *, live: Live | None) -> bool:
        """Make *path* another name of the file it shares; False if that cannot be."""
        first = wanted.hardlink[self._section :]
        if not first or self._found_as(first, wanted) is None:
            return False
        self._places.touch(path)
        above, _, first_name = first.rpartition(b"/")
        source = changing.open_folder(self._places.root().descriptor, above)
        temporary = self._pen.temporary_name()
        folder, name = self._places.of(path)
        try:
            self._pen.confirm()
            os.link(
                first_name, temporary, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False
            )
            self._take(folder, temporary, name, live=live, wanted=wanted)
        except OSError as error:
            changing.remove(folder, temporary)
            if error.errno in {errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP}:
                return False
            raise
        except BaseException:
            changing.remove(folder, temporary)
            raise
        finally:
            os.close(source)
        return True

    def _require_still(self, folder: int, name: bytes, live: Live, *, exactly: bool = True) -> None:
        """Make sure that nobody changed it since its content was read a moment ago."""
        now, then = os.stat(name, dir_fd=folder, follow_symlinks=False), live.status
        same = (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)
        if exactly:
            same = same and (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
                then.st_size, then.st_mtime_ns, then.st_ctime_ns,
            )  # fmt: skip
        require_same(same)

    def _sync(self, folder: int) -> None:
        if self._durable:
            os.fsync(folder)


def _open_mode(mode: int) -> int:
    """The mode of a folder while things are put into it. Root needs none."""
    return mode if os.geteuid() == 0 else mode | 0o700
