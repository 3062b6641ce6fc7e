"""A copy in a bucket: made there, and restored by the reader from a downloaded copy of it."""

from __future__ import annotations

import pytest

from tests.cli.vault.conftest import PASSPHRASE
from tests.cli.vault.test_reader import facts, make_tree, read  # noqa: F401, a fixture
from tests.vault.storage import servers
from webapp.vault.storage.addresses import open_storage

SECOND = "another passphrase"


@pytest.fixture(scope="module")
def url():
    with servers.moto() as url:
        yield url


@pytest.mark.slow
def test_a_vault_in_a_folder_is_copied_into_a_bucket_and_read_from_a_download(
    vault,
    place,
    url,
    read,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    for name, value in servers.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    bucket = f"s3://{servers.new_bucket(url)}/vault?endpoint={url}"
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", SECOND)
    assert vault("init", bucket).code == 0
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("LASTGOOD_VAULT_TO_PASSPHRASE", SECOND)
    make_tree(tmp_path / "tree")
    vault("backup", place, tmp_path / "tree", "--source", "site")

    copied = vault("copy", place, bucket, "--verify")
    again = vault("copy", place, bucket)
    storage = open_storage(bucket)
    for item in storage.list(""):
        path = tmp_path / "download" / item.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(storage.get(item.name))
    storage.close()
    restored = read(tmp_path / "download", "restore", "latest", tmp_path / "out", passphrase=SECOND)

    assert (copied.code, again.code) == (0, 0)
    assert again.out.startswith("0 copied, 1 there already;")
    assert (restored.returncode, restored.stderr) == (0, "")
    found = tmp_path / "out" / "tree" / str(tmp_path / "tree").lstrip("/")
    assert facts(found) == facts(tmp_path / "tree")
