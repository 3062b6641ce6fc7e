"""Opening below a folder without ever leaving it.

Every path is relative to an open folder and walked without following a link: by the kernel with
``openat2`` where it has that, else name by name. Paths longer than the kernel takes at once
(4,096 bytes) are walked in pieces.
"""

from __future__ import annotations

import ctypes
import errno
import os

_OPENAT2 = 437  # the same number on every architecture that Linux 5.6 and later runs on
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 0x02, 0x04, 0x08
_RESOLVE = _RESOLVE_NO_MAGICLINKS | _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH
_PIECE = 3500
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_beneath(folder: int, path: bytes, flags: int, *, mode: int = 0) -> int:
    """Open *path* below the open folder *folder*; an empty path is the folder itself.

    Raises:
        OSError: ``ELOOP`` or ``ENOTDIR`` where a link stands in the way, ``EXDEV`` where the path
            would lead out, and whatever ``open`` raises.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    parts = path.split(b"/") if path else [b"."]
    if b".." in parts or (path and b"" in parts):
        raise OSError(errno.EXDEV, "path leads out of its folder")
    opened: list[int] = []
    try:
        while len(b"/".join(parts)) > _PIECE:
            count = _fitting(parts)
            folder = _open(folder, parts[:count], _STEP, 0)
            opened.append(folder)
            parts = parts[count:]
        return _open(folder, parts, flags, mode)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def open_quietly(folder: int, path: bytes, flags: int) -> int:
    """Like ``open_beneath``, for reading, and without touching the access time where we may."""
    try:
        return open_beneath(folder, path, flags | os.O_NOATIME)
    except PermissionError:
        return open_beneath(folder, path, flags)


def open_file(folder: int, name: bytes) -> int:
    """Open *name* for reading: without following a link, waiting, or touching its access time.

    Raises:
        OSError: as ``open``.
    """
    flags = _FILE
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, flags, dir_fd=folder)


def _fitting(parts: list[bytes]) -> int:
    """How many of *parts*, at least one, make a path that the kernel takes at once."""
    length = 0
    for count, part in enumerate(parts):
        length += len(part) + 1
        if length > _PIECE and count:
            return count
    return len(parts) - 1


def _open(folder: int, parts: list[bytes], flags: int, mode: int) -> int:
    if _has_openat2:
        return _openat2(folder, b"/".join(parts), flags, mode)
    return _step_by_step(folder, parts, flags, mode)


def _openat2(folder: int, path: bytes, flags: int, mode: int) -> int:
    how = _How(flags, mode, _RESOLVE)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    while True:
        result = _libc.syscall(
            ctypes.c_long(_OPENAT2), ctypes.c_int(folder), path, ctypes.byref(how), size
        )
        if result >= 0:
            return int(result)
        code = ctypes.get_errno()
        # EAGAIN: something was renamed meanwhile and the kernel cannot vouch for the walk.
        if code not in {errno.EINTR, errno.EAGAIN}:
            raise OSError(code, os.strerror(code), path)


def _step_by_step(folder: int, parts: list[bytes], flags: int, mode: int) -> int:
    opened: list[int] = []
    try:
        for part in parts[:-1]:
            folder = os.open(part, _STEP, dir_fd=folder)
            opened.append(folder)
        return os.open(parts[-1], flags, mode, dir_fd=folder)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _probe() -> bool:
    """Say whether this kernel, and the filter we may run under, let us use ``openat2``."""
    root = os.open("/", _STEP)
    try:
        os.close(_openat2(root, b".", os.O_PATH | os.O_CLOEXEC, 0))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


_has_openat2 = _probe()
