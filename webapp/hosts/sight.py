"""Looking at the plain files that a walk has just seen: the ``Eyes`` of a folder."""

from __future__ import annotations

import errno

from webapp.hosts.beneath import open_file
from webapp.hosts.facts import Xattrs, describe, file_xattrs, group_name, user_name
from webapp.items import Entry, Sighting


class Sight:
    """``Eyes`` for what a walk sees."""

    def entry(self, sighting: Sighting) -> Entry:
        path, status, folder, name = sighting
        entry = describe(path, status, folder=folder, name=name)
        if entry is None:
            raise OSError(errno.EISDIR, "not a regular file")
        return entry

    def open(self, folder: int, name: bytes) -> int:
        return open_file(folder, name)

    def xattrs(self, descriptor: int) -> Xattrs:
        return file_xattrs(descriptor)

    def owner(self, uid: int, gid: int) -> tuple[str, str]:
        return user_name(uid), group_name(gid)
