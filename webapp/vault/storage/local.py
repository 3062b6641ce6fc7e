"""A vault in a folder of a local or mounted file system.

A put writes a file without a name, makes it durable, gives it its name and makes the name
durable. So a killed process leaves nothing behind, and a name never leads to half an object.
Where the file system has no nameless files, a ``.partial`` file beside the target does the same;
what a killed process leaves of those is swept away after a day.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from webapp.vault.errors import (
    ObjectExists,
    ObjectMissing,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage.base import Buffer, Steady, StoredObject, check_name, is_name

_PARTIAL = ".partial"
_STALE_SECONDS = 86_400
_ERRORS: dict[int, type[StorageError]] = {
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EACCES: StorageDenied,
    errno.EPERM: StorageDenied,
    errno.EROFS: StorageDenied,
    errno.ESTALE: StorageUnavailable,
    errno.ENOTCONN: StorageUnavailable,
    errno.ETIMEDOUT: StorageUnavailable,
}
_NO_NAMELESS_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}
_NO_LINK_BY_PROC = {errno.ENOENT, errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL}
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


class LocalStorage(Steady):
    """A ``Storage`` on a local or mounted file system.

    Args:
        root: the vault's folder; made (0700) by the first put if it does not exist.
    """

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)
        self._swept: set[Path] = set()

    @property
    def root(self) -> Path:
        """The vault's folder: a backup of what is around it leaves it out."""
        return self._root

    def forked(self) -> None:
        """Nothing is shared."""

    def put(self, name: str, data: Buffer) -> None:
        path = self._root / check_name(name)
        with _translated(name):
            folder = self._open_folder(path.parent)
            try:
                self._put_into(folder, path, data)
            finally:
                os.close(folder)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        with _translated(name):
            try:
                file = os.open(self._root / check_name(name), os.O_RDONLY | os.O_CLOEXEC)
            except NotADirectoryError:
                raise ObjectMissing(name) from None
            try:
                return _read(file, offset, length)
            finally:
                os.close(file)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with _translated(prefix):
            # Only the folder that the prefix names is walked, not the whole vault.
            top = prefix.rpartition("/")[0]
            found = sorted(self._walk(self._root / top, top + "/" if top else "", prefix))
        for name, size_bytes in found:  # as text: "a-b/c" comes before "a/c", and S3 agrees
            yield StoredObject(name, size_bytes)

    def delete(self, name: str) -> None:
        path = self._root / check_name(name)
        with _translated(name):
            path.unlink()
            _sync_path(path.parent)

    def now_ns(self) -> int:
        with _translated("clock"):
            self._make_folders(self._root)
            probe = self._root / f".clock-{secrets.token_hex(8)}{_PARTIAL}"
            probe.touch(mode=0o600)
            try:
                return probe.stat().st_mtime_ns
            finally:
                probe.unlink(missing_ok=True)

    def _open_folder(self, path: Path) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            self._make_folders(path)
            return os.open(path, flags)

    def _make_folders(self, path: Path) -> None:
        """Make *path* and what is missing above it, each made durable in the folder above."""
        if path.is_dir():
            return
        if path.parent != path:
            self._make_folders(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        _sync_path(path.parent)

    def _put_into(self, folder: int, path: Path, data: Buffer) -> None:
        try:
            file = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in _NO_NAMELESS_FILES:
                raise
            self._put_by_partial(folder, path, data)
            return
        try:
            _write(file, data)
            os.fsync(file)
            named = _name_nameless(file, folder, path.name)
        finally:
            os.close(file)
        if named:
            _sync_name(folder, path.name)
        else:
            self._put_by_partial(folder, path, data)

    def _put_by_partial(self, folder: int, path: Path, data: Buffer) -> None:
        self._sweep(path.parent)
        partial = path.parent / f".{secrets.token_hex(8)}{_PARTIAL}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            file = os.open(partial, flags, 0o600)
            try:
                _write(file, data)
                os.fsync(file)
            finally:
                os.close(file)
            _give_name(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        _sync_name(folder, path.name)

    def _sweep(self, folder: Path) -> None:
        """Remove what killed processes left in *folder*, once for each ``LocalStorage``."""
        if folder in self._swept:
            return
        self._swept.add(folder)
        for path in folder.glob(f".*{_PARTIAL}"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()

    def _walk(self, folder: Path, above: str, prefix: str) -> Iterator[tuple[str, int]]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = above + entry.name
                    if not name.startswith(prefix[: len(name)]):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._walk(Path(entry.path), f"{name}/", prefix)
                    elif is_name(name) and name.startswith(prefix):
                        yield from _named_size(entry, name)
        except (FileNotFoundError, NotADirectoryError):
            return


def _named_size(entry: os.DirEntry[str], name: str) -> Iterator[tuple[str, int]]:
    with suppress(FileNotFoundError):  # removed since the folder was listed
        yield name, entry.stat(follow_symlinks=False).st_size


def _read(file: int, offset: int, length: int | None) -> bytes:
    wanted = max(os.fstat(file).st_size - offset, 0)
    wanted = wanted if length is None else min(wanted, length)
    parts = []
    while wanted > 0:
        part = os.pread(file, wanted, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        wanted -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _write(file: int, data: Buffer) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _name_nameless(file: int, folder: int, name: str) -> bool:
    """Link a nameless file; False where that cannot be done, such as without ``/proc``."""
    try:
        # Unlike a rename, a link fails if the name is taken. With a dir_fd it follows the link.
        os.link(f"/proc/self/fd/{file}", name, dst_dir_fd=folder, follow_symlinks=True)
    except OSError as error:
        if error.errno in _NO_LINK_BY_PROC:
            return False
        raise
    return True


def _give_name(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if path.exists():
            raise FileExistsError(path.name) from None
        partial.rename(path)


def _sync_name(folder: int, name: str) -> None:
    """Make a new name durable; if that fails the name goes again, for nobody may rely on it."""
    try:
        os.fsync(folder)
    except OSError:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise


def _sync_path(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn every ``OSError`` into one of ours."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing(name) from None
    except FileExistsError:
        raise ObjectExists(name) from None
    except OSError as error:
        kind = _ERRORS.get(error.errno or 0, StorageError)
        raise kind(f"{name}: {error.strerror or error}") from error
