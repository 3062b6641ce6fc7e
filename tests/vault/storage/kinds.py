"""The kinds of storage. A new one adds a line to ``KINDS``."""

from __future__ import annotations

from tests.vault.storage import servers
from webapp.vault.storage.local import LocalStorage
from webapp.vault.storage.memory import MemoryStorage
from webapp.vault.storage.rclone import RcloneStorage


class PartialStorage(LocalStorage):
    """A local storage on a file system without nameless files."""

    def _put_into(self, folder, path, data):
        self._put_by_partial(folder, path, data)


def s3_on(fixture):
    def make(request, tmp_path):
        url = request.getfixturevalue(fixture)
        prefix = "Kündin & Söhne/a+b"
        return servers.storage_at(f"s3://{servers.new_bucket(url)}/{prefix}?endpoint={url}")

    return make


KINDS = {
    "memory": lambda request, tmp_path: MemoryStorage(),
    "local": lambda request, tmp_path: LocalStorage(tmp_path),
    "local by partial files": lambda request, tmp_path: PartialStorage(tmp_path),
    "s3 on moto": s3_on("moto_url"),
    "s3 on rclone": s3_on("rclone_url"),
    "rclone": lambda request, tmp_path: RcloneStorage(f":local:{tmp_path}/Kün]d & Söhne"),
}
