"""Commands of ``lastgood vault`` are killed at moments nobody chose; no snapshot is ever lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.torture.campaign import Campaign, environ_for
from tests.torture.zygote import Zygote
from tests.vault.storage.servers import CREDENTIALS, rclone_s3
from webapp.vault.storage.addresses import open_storage

KILLS_SHORT, KILLS_LONG = 210, 4800
KILLS_SHORT_S3, KILLS_LONG_S3 = 16, 240


def until(campaign: Campaign, kills: int) -> Counter[str]:
    while campaign.kills.total() < kills:
        campaign.step()
    return campaign.kills


@pytest.fixture
def on_folder(tmp_path: Path) -> Iterator[Campaign]:
    environ = environ_for(tmp_path, {})
    with Zygote(environ, tmp_path / "log") as zygote:
        yield Campaign(
            runner=zygote,
            address=str(tmp_path / "vault"),
            second=str(tmp_path / "second"),
            work=tmp_path,
            storage_at=partial(open_storage, environ=environ),
            draw=random.Random(1),
        )


@pytest.fixture
def on_s3(tmp_path: Path) -> Iterator[Campaign]:
    environ = environ_for(tmp_path, CREDENTIALS)
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    with rclone_s3(tmp_path / "s3") as url, Zygote(environ, tmp_path / "log") as zygote:
        yield Campaign(
            runner=zygote,
            address=f"s3://bucket/vault?endpoint={url}&region=us-east-1",
            second=f"s3://bucket/second?endpoint={url}&region=us-east-1",
            work=tmp_path,
            storage_at=partial(open_storage, environ=environ),
            draw=random.Random(2),
        )


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_no_kill_costs_more_than_what_was_unfinished(on_folder):
    kills = until(on_folder, KILLS_SHORT)

    assert set(kills) == set(on_folder.acts)


@pytest.mark.torture_long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(4))
def test_no_kill_of_thousands_costs_more_than_what_was_unfinished(on_folder, seed):
    on_folder.draw.seed(100 + seed)

    kills = until(on_folder, KILLS_LONG // 4)

    assert set(kills) == set(on_folder.acts)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_no_kill_costs_more_on_s3(on_s3):
    kills = until(on_s3, KILLS_SHORT_S3)

    assert kills.total() == KILLS_SHORT_S3


@pytest.mark.torture_long
@pytest.mark.timeout(7200)
def test_no_kill_of_hundreds_costs_more_on_s3(on_s3):
    on_s3.draw.seed(200)

    kills = until(on_s3, KILLS_LONG_S3)

    assert set(kills) == set(on_s3.acts)
