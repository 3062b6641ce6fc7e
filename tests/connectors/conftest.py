from __future__ import annotations

import pytest

from tests.connectors.fakes import Recorder, around


@pytest.fixture
def report():
    return Recorder()


@pytest.fixture
def site(tmp_path):
    """A small folder with most sorts of things in it."""
    root = tmp_path / "site"
    (root / "images").mkdir(parents=True)
    (root / "images" / "a.png").write_bytes(b"\x89PNG\x00" * 10)
    (root / "images-old").mkdir()
    (root / "index.html").write_text("<h1>Shop</h1>\n")
    (root / "empty").touch()
    (root / "link").symlink_to("index.html")
    return root


@pytest.fixture
def surroundings(tmp_path, site):
    return around(tmp_path, site.parent)
