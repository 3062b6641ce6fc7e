"""Whether a folder takes ``A`` and ``a`` for one name."""

from __future__ import annotations

import array
import fcntl
import os

from webapp.hosts.beneath import open_quietly

_FS_IOC_GETFLAGS = 0x80086601
_FS_CASEFOLD_FL = 0x40000000
_FOLDING_TYPES = {"vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "hfsplus"}


def folds(root: int, path: bytes, *, unless: bool) -> bool:
    """Say whether the folder *path* below the open *root* folds case; *unless* where it is absent
    (a new folder takes after the one that it is made in)."""
    try:
        folder = open_quietly(root, path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return unless
    try:
        return _flagged(folder) or _type_of(os.fstat(folder).st_dev) in _FOLDING_TYPES
    finally:
        os.close(folder)


def _flagged(folder: int) -> bool:
    flags = array.array("L", [0])
    try:
        fcntl.ioctl(folder, _FS_IOC_GETFLAGS, flags, True)
    except OSError:
        return False
    return bool(flags[0] & _FS_CASEFOLD_FL)


def _type_of(device: int) -> str:
    """The type of the mounted file system with this device number; empty if not known."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                fields = line.split(" ")
                if fields[2] == wanted:
                    return fields[fields.index("-") + 1]
    except (OSError, ValueError, IndexError):
        return ""
    return ""
