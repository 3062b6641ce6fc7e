"""Whether a folder takes ``A`` and ``a``, or two ways to write ``é``, for one name."""

from __future__ import annotations

import array
import fcntl
import os
import unicodedata
from enum import Enum

from webapp.hosts.beneath import open_quietly

_FS_IOC_GETFLAGS = 0x80086601
_FS_CASEFOLD_FL = 0x40000000
_CASE_TYPES = {"vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3"}
_EXACT_TYPES = {
    "ext2",
    "ext3",
    "ext4",
    "xfs",
    "btrfs",
    "f2fs",
    "tmpfs",
    "ramfs",
    "overlay",
    "autofs",
}
_CASE_AND_FORM_TYPES = {"hfsplus", "apfs"}


class Folding(Enum):
    """Which names a folder takes for one."""

    NONE = 0
    CASE = 1
    CASE_AND_FORM = 2  # and different compositions of one character

    def key(self, name: bytes) -> bytes:
        """Equal for names that are one to the folder."""
        text = os.fsdecode(name)
        if self is Folding.CASE_AND_FORM:
            text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
        elif self is Folding.CASE:
            text = text.casefold()
        return text.encode("utf-8", "surrogateescape")


def folds(root: int, path: bytes, *, unless: bool) -> bool:
    """Say whether the folder *path* below the open *root* folds case; *unless* where it is absent
    (a new folder takes after the one that it is made in)."""
    try:
        folder = open_quietly(root, path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return unless
    try:
        return folding_of(folder) is not Folding.NONE
    finally:
        os.close(folder)


def folding_of(folder: int) -> Folding:
    """What the open *folder* does with names."""
    if _flagged(folder):
        return Folding.CASE_AND_FORM
    kind = _type_of(os.fstat(folder).st_dev)
    if kind in _CASE_AND_FORM_TYPES:
        return Folding.CASE_AND_FORM
    if kind in _EXACT_TYPES:
        return Folding.NONE
    return Folding.CASE if kind in _CASE_TYPES or _shows_it(folder) else Folding.NONE


def _shows_it(folder: int) -> bool:
    """Ask a file system that may do either (FUSE, NFS, what a virtual machine's host shares)
    whether it knows a name in letters of the other case. Nothing is written for it."""
    found = _tries(folder)
    if found is not None:
        return found
    try:
        above = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:  # there is nothing in it yet, so by itself, if that is no other file system's
        same = os.fstat(above).st_dev == os.fstat(folder).st_dev
        return bool(same and _tries(above))
    finally:
        os.close(above)


def _tries(folder: int) -> bool | None:
    """Whether a name that the folder does not list is there all the same; None if no name tells."""
    try:
        names = set(os.listdir(folder))
    except OSError:
        return None
    for name in names:
        other = name.swapcase()
        if other.isascii() and other not in names:
            try:
                os.stat(other, dir_fd=folder, follow_symlinks=False)
            except OSError:
                return False
            return True
    return None


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
