"""Which places are inside what was granted."""

from __future__ import annotations

import pytest

from webapp.errors import ConnectorError
from webapp.hosts.bounds import Bounds, locate


@pytest.fixture
def granted(tmp_path):
    (tmp_path / "srv" / "site").mkdir(parents=True)
    (tmp_path / "srv-other").mkdir()
    (tmp_path / "srv" / "alias").symlink_to("site")
    (tmp_path / "srv" / "loop").symlink_to("loop")
    (tmp_path / "srv" / "neighbour").symlink_to("../srv-other")
    (tmp_path / "door").symlink_to("srv")
    return tmp_path


@pytest.mark.parametrize(
    "path", ["srv", "srv/site", "srv/alias", "srv/none/yet", "door/site", "srv/site/../site"]
)
def test_inside(granted, path):
    place = locate(granted / path, Bounds(roots=(granted / "srv",)))

    assert place.granted == bytes(granted / "srv")


@pytest.mark.parametrize("path", ["", "srv-other", "srv/neighbour", "srv/../srv-other", "srv/.."])
def test_outside(granted, path):
    with pytest.raises(ConnectorError) as caught:
        locate(granted / path, Bounds(roots=(granted / "srv",)))
    assert caught.value.code == "outside_roots"


def test_nothing_is_granted_by_default(granted):
    with pytest.raises(ConnectorError):
        locate(granted, Bounds(roots=()))


def test_own_data_is_refused_but_for_the_exempt(granted):
    bounds = Bounds(
        roots=(granted,), own_data=(granted / "srv",), exempt=(granted / "srv" / "site",)
    )

    assert locate(granted / "srv" / "alias" / "x", bounds).relative == b"srv/site/x"
    for path in ("srv", "srv/vault", "door/vault"):
        with pytest.raises(ConnectorError) as caught:
            locate(granted / path, bounds)
        assert caught.value.code == "inside_own_data"
