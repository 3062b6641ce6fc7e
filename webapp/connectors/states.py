"""When two entries count as the same, and which state a restore can reach here.

The fingerprint of an item leaves out two things that ``items.fingerprint`` knows. A folder's time,
since putting anything into the folder changes it. And which names share one file, since one name
alone cannot tell; ``tree_plan`` and the writer look at that apart.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from webapp.hosts.facts import group_name, user_name
from webapp.items import Entry, EntryKind, fingerprint

E = TypeVar("E", bound=Entry)

_ONLY_ROOT_SETS = (b"security.", b"trusted.")


def state_of(entry: Entry, digest: bytes) -> str:
    """The fingerprint of one item of a tree, alone."""
    if entry.kind is EntryKind.FOLDER:
        entry = replace(entry, mtime_ns=0)
    elif entry.hardlink:
        entry = replace(entry, hardlink=b"")
    return fingerprint(entry, digest)


def reachable(wanted: E, live: Entry | None, *, rewrites: bool) -> tuple[E, list[str]]:
    """What *wanted* becomes when this process restores it, and what cannot be had, in sentences.

    Root reaches everything. Others own what they write, may give it to groups of their own only,
    and cannot set anything on what belongs to somebody else.

    Args:
        rewrites: content is written anew, so that the result is a new file.
    """
    if os.geteuid() == 0:
        return wanted, []
    attributes = tuple(pair for pair in wanted.xattrs if not pair[0].startswith(_ONLY_ROOT_SETS))
    mine = own_groups()
    if live is None or rewrites:
        gid = wanted.gid if wanted.gid in mine else os.getegid()
    elif live.uid == os.geteuid():
        gid = wanted.gid if wanted.gid in mine else live.gid
    else:
        return _left_alone(wanted, live)
    mode = wanted.mode if gid == wanted.gid else wanted.mode & ~stat.S_ISGID
    mode = mode if wanted.uid == os.geteuid() else mode & ~stat.S_ISUID
    reached = replace(wanted, uid=os.geteuid(), gid=gid, mode=mode, xattrs=attributes)
    return reached, _lacks(wanted, reached)


def own_groups() -> set[int]:
    """The groups that this process may give its files to."""
    return {os.getegid(), *os.getgroups()}


def _left_alone(wanted: E, live: Entry) -> tuple[E, list[str]]:
    kept = replace(
        wanted,
        uid=live.uid,
        gid=live.gid,
        mode=live.mode,
        mtime_ns=live.mtime_ns,
        xattrs=live.xattrs,
    )
    if not differences(live, wanted):
        return kept, []
    who = _ids(live.uid, live.gid)
    return kept, [f"It belongs to {who}, so its other facts stay as they are."]


def _lacks(wanted: Entry, reached: Entry) -> list[str]:
    lacks = []
    if (reached.uid, reached.gid) != (wanted.uid, wanted.gid):
        owner = f"{wanted.user or wanted.uid}:{wanted.group or wanted.gid}"
        now = _ids(reached.uid, reached.gid)
        lacks.append(f"Only root can give it to {owner}; it will belong to {now}.")
    if reached.xattrs != wanted.xattrs:
        lacks.append("Only root can set its system attributes.")
    return lacks


def differences(live: Entry, wanted: Entry) -> list[str]:
    """Which facts differ, each in a few words; content and link targets are not looked at."""
    found = []
    is_link = wanted.kind is EntryKind.SYMLINK
    if live.mode != wanted.mode and not is_link:
        found.append(f"its permissions ({live.mode:04o} now, {wanted.mode:04o} in the backup)")
    if (live.uid, live.gid) != (wanted.uid, wanted.gid):
        now, then = _ids(live.uid, live.gid), _ids(wanted.uid, wanted.gid)
        found.append(f"its owner ({now} now, {then} in the backup)")
    if live.mtime_ns != wanted.mtime_ns and not is_link:
        found.append("its time")
    if live.xattrs != wanted.xattrs:
        found.append(_attributes(live, wanted))
    return found


def joined(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _attributes(live: Entry, wanted: Entry) -> str:
    changed = {name for name, _ in set(live.xattrs) ^ set(wanted.xattrs)}
    if all(name.startswith(b"system.posix_acl_") for name in changed):
        return "its access list"
    return "its extended attributes"


def _ids(uid: int, gid: int) -> str:
    return f"{user_name(uid) or uid}:{group_name(gid) or gid}"
