"""A vault wherever rclone reaches.

A put hands rclone a file to copy: it writes under another name where the remote would show half a
file, compares hashes or at least sizes, and renames. No remote of rclone's can be told not to
replace, so a put asks first. Names are hashes or random, so only two who make a vault in the same
place at the same moment could meet.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from zlib import crc32

from webapp.vault.errors import (
    BadAddress,
    ObjectExists,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage.base import Buffer, Steady, StoredObject, check_name, is_name
from webapp.vault.storage.rclone_child import REMOTE, Answer, RcloneChild

_SECRET = re.compile(r"(pass|secret|token|key|credential|auth)[a-z_]*\s*=", re.IGNORECASE)
_PARTIAL = re.compile(r"\.[0-9a-f]{8}\.partial$")
_STALE_SECONDS = 86_400
_SETTLED = frozenset(
    ("local", "memory", "s3", "b2", "azureblob", "google cloud storage", "sftp", "ftp", "smb")
)
_UNSETTLED_SECONDS = 30.0
_WORDS: tuple[tuple[str, type[StorageError]], ...] = (
    (r"no space left|quota|insufficient storage|storage ?full|\b507\b", StorageFull),
    (r"too many requests|rate ?limit|slow ?down|\b429\b", StorageBusy),
    (
        r"permission denied|access ?denied|forbidden|unauthori[sz]ed|invalid_grant"
        r"|read-only file system|unable to authenticate|\b40[13]\b",
        StorageDenied,
    ),
    (
        r"time(d )?out|connection|\beof\b|reset by peer|no such host|unreachable|broken pipe"
        r"|temporar|corrupted on transfer|\b50[0234]\b",
        StorageUnavailable,
    ),
)


def parse(address: str) -> str:
    """What follows ``rclone:`` in an address.

    Raises:
        BadAddress: it names no remote, or it carries a credential.
    """
    remote = address.removeprefix("rclone:")
    name, colon, _ = remote.lstrip(":").partition(":")
    if not name or not colon or not remote.isprintable():
        raise BadAddress("Write rclone:REMOTE:PATH; REMOTE is one that `rclone config` knows.")
    if _SECRET.search(remote):
        raise BadAddress("An address never carries a credential: use `rclone config`.")
    return remote


class RcloneStorage(Steady):
    """A ``Storage`` below one path of one remote.

    The clock is this machine's: remotes have none that could be asked.
    """

    parallel_puts = 2

    def __init__(self, remote: str, environ: Mapping[str, str] = os.environ) -> None:
        self._child = RcloneChild(remote, environ)
        self._putting = tuple(threading.Lock() for _ in range(16))

    @cached_property
    def settle_seconds(self) -> float:  # type: ignore[override]
        """0.0 for kinds of remotes that are known to show at once what was put."""
        name = str(self._ask("operations/fsinfo", REMOTE, fs=REMOTE)["Name"])
        kind = self._ask("config/get", name, name=name).get("type")
        return 0.0 if (kind or name.lstrip(":")) in _SETTLED else _UNSETTLED_SECONDS

    def put(self, name: str, data: Buffer) -> None:
        check_name(name)
        with self._putting[crc32(name.encode()) % len(self._putting)]:
            if self._exists(name):
                raise ObjectExists(name)
            self._copy(name, data)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        check_name(name)
        if length == 0:
            if not self._exists(name):
                raise ObjectMissing(name)
            return b""
        headers = {}
        if offset or length is not None:
            end = "" if length is None else offset + length - 1
            headers["Range"] = f"bytes={offset}-{end}"
        answer = self._child.read(name, headers)
        if answer.status == 416:
            return b""
        if answer.status not in (200, 206):
            raise _error(answer, name)
        if answer.status == 206 or not headers:
            return answer.data
        return answer.data[offset:] if length is None else answer.data[offset : offset + length]

    def list(self, prefix: str) -> Iterator[StoredObject]:
        found = [
            StoredObject(item["Path"], item["Size"])
            for item in self._below(prefix)
            if is_name(item["Path"])
        ]
        return iter(sorted(found))

    def delete(self, name: str) -> None:
        self._ask("operations/deletefile", name, fs=REMOTE, remote=check_name(name))

    def now_ns(self) -> int:
        return time.time_ns()

    def sweep(self, now_ns: int) -> int:
        """Remove files that a killed rclone was still writing, a day or longer ago."""
        options = {"recurse": True, "filesOnly": True, "noMimeType": True}
        count = 0
        for item in self._list("", options):
            if _PARTIAL.search(item["Path"]) and _age(item, now_ns) > _STALE_SECONDS:
                self._ask("operations/deletefile", item["Path"], fs=REMOTE, remote=item["Path"])
                count += 1
        return count

    def close(self) -> None:
        self._child.close()

    def _copy(self, name: str, data: Buffer) -> None:
        path = self._child.scratch()
        try:
            path.write_bytes(data)
            self._ask(
                "operations/copyfile",
                name,
                srcFs=str(path.parent),
                srcRemote=path.name,
                dstFs=REMOTE,
                dstRemote=name,
            )
        except OSError as error:
            raise StorageUnavailable(f"{name}: the temporary folder: {error.strerror}") from error
        finally:
            path.unlink(missing_ok=True)

    def _exists(self, name: str) -> bool:
        found = self._ask("operations/stat", name, fs=REMOTE, remote=name)
        return found["item"] is not None

    def _below(self, prefix: str) -> Iterator[Any]:
        """The files whose names start with *prefix*; looks into no folder that cannot hold any."""
        options = {"noModTime": True, "noMimeType": True}
        for item in self._list(prefix.rpartition("/")[0], options):
            if not item["Path"].startswith(prefix):
                continue
            if item["IsDir"]:
                yield from self._list(item["Path"], {**options, "recurse": True, "filesOnly": True})
            else:
                yield item

    def _list(self, folder: str, options: Mapping[str, bool]) -> Any:
        try:
            found = self._ask("operations/list", folder, fs=REMOTE, remote=folder, opt=options)
        except ObjectMissing:
            return []
        return found["list"]

    def _ask(self, command: str, about: str, /, **arguments: Any) -> Any:
        answer = self._child.call(command, **arguments)
        if answer.status != 200:
            raise _error(answer, about)
        return json.loads(answer.data)


def _error(answer: Answer, name: str) -> StorageError:
    if answer.status == 404:
        return ObjectMissing(name)
    try:
        said = str(json.loads(answer.data)["error"])
    except (ValueError, KeyError, TypeError):
        said = f"status {answer.status}"
    for words, kind in _WORDS:
        if re.search(words, said, re.IGNORECASE):
            return kind(f"{name}: rclone says: {said}")
    return StorageError(f"{name}: rclone says: {said}")


def _age(item: Mapping[str, str], now_ns: int) -> float:
    return now_ns / 10**9 - datetime.fromisoformat(item["ModTime"]).timestamp()
