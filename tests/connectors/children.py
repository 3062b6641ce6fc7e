"""Running a function as another user: root sees no permission errors."""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import traceback

import pytest

NOBODY = 65534
_CLONE_NEWNS = 0x00020000

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def as_nobody(function, *, read_only=None):
    """Return what *function* returns in a child process of the user nobody.

    Args:
        read_only: a folder that the child finds mounted read-only.
    """
    return _in_child(function, lambda: _change(read_only))


def on_small_disk(function, folder, *, size):
    """Return what *function* returns in a child process that finds a small empty file system
    (of *size*, such as ``1m``) at *folder*."""
    return _in_child(function, lambda: _mount_small(str(folder), size))


def _in_child(function, prepare):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            prepare()
            answer = (True, function())
        except BaseException:
            answer = (False, traceback.format_exc())
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        is_fine, result = pickle.load(pipe)
    os.waitpid(child, 0)
    if not is_fine and "CannotMount" in result:
        pytest.skip(f"NO MOUNT POSSIBLE HERE: {result}")
    assert is_fine, result
    return result


class CannotMount(Exception):
    """This machine does not let us mount, not even in a namespace of our own."""


def _change(read_only):
    if read_only is not None:
        _mount_read_only(str(read_only))
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _mount_read_only(folder):
    _mount(["--bind", folder, folder], ["-o", "remount,ro,bind", folder])


def _mount_small(folder, size):
    _mount(["-t", "tmpfs", "-o", f"size={size}", "none", folder])


def _mount(*calls):
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        raise CannotMount(os.strerror(ctypes.get_errno()))
    for arguments in (["--make-rprivate", "/"], *calls):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise CannotMount(done.stderr)
