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

from webapp.hosts.facts import group_name, user_name
from webapp.items import Entry, EntryKind, fingerprint

_ONLY_ROOT_SETS = (b"security.", b"trusted.")


def state_of(entry: Entry, digest: bytes) -> str:
    """The fingerprint of one item of a tree, alone."""
    if entry.kind is EntryKind.FOLDER:
        entry = replace(entry, mtime_ns=0)
    elif entry.hardlink:
        entry = replace(entry, hardlink=b"")
    return fingerprint(entry, digest)


def reachable(wanted: Entry, live: Entry | None) -> tuple[Entry, list[str]]:
    """What *wanted* becomes when this process writes it, and what cannot be had, in sentences.

    Root reaches everything. Others own what they write, and give it to groups of their own only.
    """
    if os.geteuid() == 0:
        return wanted, []
    uid, gid = _owner(wanted, live)
    mode, attributes = wanted.mode, wanted.xattrs
    if gid != wanted.gid:
        mode &= ~stat.S_ISGID
    if uid != wanted.uid:
        mode &= ~stat.S_ISUID
    attributes = tuple(pair for pair in attributes if not pair[0].startswith(_ONLY_ROOT_SETS))
    lacks = []
    if (uid, gid) != (wanted.uid, wanted.gid):
        lacks.append(f"Only root can give it to {_who(wanted)}; it belongs to {_ids(uid, gid)}.")
    if attributes != wanted.xattrs:
        lacks.append("Only root can set its system attributes.")
    return replace(wanted, uid=uid, gid=gid, mode=mode, xattrs=attributes), lacks


def _owner(wanted: Entry, live: Entry | None) -> tuple[int, int]:
    mine = {os.getegid(), *os.getgroups()}
    if wanted.gid in mine:
        return os.geteuid(), wanted.gid
    kept = live is not None and live.uid == os.geteuid() and live.gid in mine
    return os.geteuid(), live.gid if live is not None and kept else os.getegid()


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


def _who(entry: Entry) -> str:
    user, group = entry.user or str(entry.uid), entry.group or str(entry.gid)
    return f"{user}:{group}"


def _ids(uid: int, gid: int) -> str:
    return f"{user_name(uid) or uid}:{group_name(gid) or gid}"
