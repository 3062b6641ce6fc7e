from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.vault.storage import servers


@pytest.fixture(scope="session")
def moto_url():
    with servers.moto() as url:
        yield url


@pytest.fixture(scope="session")
def rclone_url():
    with TemporaryDirectory() as folder, servers.rclone_s3(Path(folder)) as url:
        yield url
