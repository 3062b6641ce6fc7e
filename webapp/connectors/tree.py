"""A folder, or one file of a folder, as a part of a source: looking, capturing, comparing."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator

from webapp.connectors.base import Desired, Planned, Surroundings
from webapp.connectors.excluding import excluder
from webapp.connectors.tree_plan import TreePlan
from webapp.connectors.tree_sources import SelectedSource, TreeSource
from webapp.connectors.tree_target import Target, present_state
from webapp.errors import ConnectorError
from webapp.hosts.bounds import Bounds, Place, locate
from webapp.hosts.local import Folder
from webapp.hosts.walk import Rules
from webapp.items import Report, StoredContent, path_of, sort_key

_ROOT_ERRORS = {
    errno.ENOENT: ("not_found", "does not exist"),
    errno.ENOTDIR: ("not_a_folder", "is not a folder"),
    errno.ELOOP: ("not_a_folder", "is a link and not a folder"),
    errno.ENXIO: ("is_socket", "is a socket"),
    errno.EACCES: ("not_allowed", "may not be read by the backup user"),
    errno.EPERM: ("not_allowed", "may not be read by the backup user"),
}


class Tree:
    """What lies below one folder, as the items of one section of a snapshot.

    Args:
        section: ``b"tree"`` or ``b"config"``.
        path: the folder, as the person named it.
        exclude: patterns; see ``excluder``.
        hidden: real paths that another part of the source takes care of.
        only: the one name that counts, for a single file; else all do.
    """

    def __init__(
        self,
        section: bytes,
        path: str,
        *,
        surroundings: Surroundings,
        exclude: Iterable[str] = (),
        hidden: Iterable[bytes] = (),
        only: bytes = b"",
    ) -> None:
        self.section = section
        self.path = path
        self.only = only
        self.bounds = bounds_of(surroundings)
        self._excluded = excluder(exclude)
        self.hidden = tuple(hidden)

    def place(self) -> Place:
        """Where the folder is; checked against the bounds each time anew."""
        return locate(self.path, self.bounds)

    def open(self) -> Folder:
        """Open the folder for reading.

        Raises:
            ConnectorError: with the reason why not.
        """
        place = self.place()
        try:
            return Folder(place)
        except OSError as error:
            raise refusal(self.path, error) from error

    def open_if_there(self) -> Folder | None:
        """Open the folder, or say that there is none yet.

        Raises:
            ConnectorError: it is there and cannot be used.
        """
        try:
            return self.open()
        except ConnectorError as error:
            if error.code == "not_found" and _can_be_made(self.place()):
                return None
            raise

    def require_file(self) -> None:
        """Make sure that the single file, where there is to be one, can be read.

        Raises:
            ConnectorError: with the reason why not.
        """
        if not self.only:
            return
        path = f"{self.path.rstrip('/')}/{os.fsdecode(self.only)}"
        with self.open() as folder:
            try:
                folder.open(self.only).close()
            except OSError as error:
                if error.errno in {errno.EISDIR, errno.ELOOP, errno.ENXIO}:
                    raise ConnectorError("not_a_file", f"{path} is not a regular file.") from error
                raise refusal(path, error) from error

    def rules(self, place: Place) -> Rules:
        """What a walk of *place* leaves out."""
        prefix = place.real.rstrip(b"/") + b"/"
        hidden = (path[len(prefix) :] for path in self.hidden if path.startswith(prefix))
        return Rules(
            excluded=self._excluded,
            hidden=frozenset(hidden),
            closed=_identities(self.bounds, place),
        )

    def source(self, report: Report) -> TreeSource:
        """Open the folder for a capture.

        Raises:
            ConnectorError: with the reason why not.
        """
        self.require_file()
        folder = self.open()
        rules = self.rules(folder.place)
        return TreeSource(self.section, folder, rules=rules, only=self.only, report=report)

    def select(self, keys: Iterable[str], report: Report) -> SelectedSource:
        """Open only these items, for a safety capture."""
        paths = sorted({self.relative(key) for key in keys}, key=sort_key)
        folder = self.open_if_there()
        return SelectedSource(self.section, folder, paths=paths, report=report)

    def plan(
        self,
        desired: Iterable[Desired],
        *,
        stored: StoredContent,
        delete: bool,
        scope: tuple[str, ...],
        types: bool = False,
        going: Collection[bytes] = (),
    ) -> Iterator[Planned]:
        """See ``base.Connector.plan``; all keys are of this section.

        Args:
            going: real paths of files that other parts of the source remove beforehand; may grow
                until the first row is asked for.
        """
        own = self.section.decode() + ":"
        chosen = tuple(self.relative(key) for key in scope if key.startswith(own))
        target = self.target()
        prefix = target.place.real.rstrip(b"/") + b"/"
        try:
            plan = TreePlan(
                target,
                stored=stored,
                scope=chosen if scope else (b"",),
                delete=delete and not self.only,
                types=types or delete,
                going={path[len(prefix) :] for path in going if path.startswith(prefix)},
            )
            yield from plan.rows(desired)
        finally:
            if target.folder is not None:
                target.folder.close()

    def target(self) -> Target:
        """The folder, or the place where it is to be, for a restore."""
        folder, place = self.open_if_there(), self.place()
        rules = self.rules(place)
        return Target(section=self.section, folder=folder, place=place, rules=rules, only=self.only)

    def state(self, key: str) -> str:
        """See ``base.Connector.state``."""
        folder = self.open_if_there()
        if folder is None:
            return ""
        with folder:
            return present_state(folder, self.relative(key))

    def identity(self) -> str:
        """Path, device and inode of the folder."""
        place = self.place()
        try:
            status = os.stat(place.real, follow_symlinks=False)
        except OSError:
            return f"{os.fsdecode(place.real)}|"
        return f"{os.fsdecode(place.real)}|{status.st_dev}:{status.st_ino}"

    def relative(self, key: str) -> bytes:
        """The path of an item relative to the folder.

        Raises:
            ConnectorError: the key could lead outside.
        """
        try:
            return path_of(key)[len(self.section) + 1 :]
        except ValueError as error:
            raise ConnectorError("escapes_target", "It would lie outside the target.") from error


def bounds_of(surroundings: Surroundings) -> Bounds:
    """The part of the surroundings that says where files may be touched."""
    return Bounds(
        roots=surroundings.roots, own_data=surroundings.own_data, exempt=surroundings.exempt
    )


def refusal(path: str, error: OSError) -> ConnectorError:
    """Say why the folder or file *path* cannot be used at all."""
    code, words = _ROOT_ERRORS.get(error.errno or 0, ("read_error", "cannot be read"))
    return ConnectorError(code, f"{path} {words}.")


def _identities(bounds: Bounds, place: Place) -> frozenset[tuple[int, int]]:
    found = set()
    for own in bounds.own_folders():
        try:
            status = os.stat(own)
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and own != place.real:
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def _can_be_made(place: Place) -> bool:
    """Say whether a missing folder may be created: some folder above it is granted and there."""
    return bool(place.relative) and os.path.isdir(place.granted)
