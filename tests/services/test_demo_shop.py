"""The demo shop on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from webapp.services.demo import pictures
from webapp.services.demo.shop import Shop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "demo" / "shop")
    shop.build(at=NOW)
    return shop


def asked(shop: Shop, question: str) -> object:
    with closing(sqlite3.connect(shop.database)) as database:
        return database.execute(question).fetchone()[0]


def states(shop: Shop) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(shop.folder).as_posix(): (path.stat().st_mode, path.read_bytes())
        for path in shop.folder.rglob("*")
        if path.is_file()
    }


def test_the_shop_has_pages_pictures_settings_and_some_hundreds_of_orders(shop):
    assert (shop.pages / "index.html").read_text().count("<img") > 10
    assert (shop.pages / "images/juniper-mug.png").read_bytes().startswith(b"\x89PNG")
    assert "account" in shop.config.read_text()
    assert 300 < asked(shop, "SELECT count(*) FROM orders") < 1000
    assert asked(shop, "PRAGMA integrity_check") == "ok"


def test_every_order_adds_up_and_lies_in_the_past(shop):
    assert asked(shop, "SELECT max(ordered_at) FROM orders") < NOW.isoformat(sep=" ")
    assert (
        asked(
            shop,
            "SELECT count(*) FROM orders o WHERE total_cents <> (SELECT sum(quantity * price_cents)"
            " FROM order_lines WHERE order_id = o.id)",
        )
        == 0
    )


def test_the_shop_is_the_same_each_time_it_is_built(shop, tmp_path):
    other = Shop(tmp_path / "other")

    other.build(at=NOW)

    assert states(other) == states(shop)


def test_building_takes_the_place_of_what_was_there(shop):
    before = states(shop)
    shop.damage()

    shop.build(at=NOW)

    assert states(shop) == before


def test_damage_changes_adds_and_deletes_files_and_spoils_the_orders(shop):
    before = states(shop)

    sentences = shop.damage()

    after = states(shop)
    assert len(sentences) == 5
    assert set(before) - set(after) == {
        "htdocs/images/harbour-jug.png", "htdocs/images/heather-bowl.png",
    }  # fmt: skip
    assert set(after) - set(before) == {"htdocs/left-behind.txt"}
    assert {name for name in before if name in after and before[name] != after[name]} == {
        "htdocs/index.html", "htdocs/about.html", "shop.conf", "orders.db",
    }  # fmt: skip
    assert asked(shop, "SELECT min(price_cents) FROM products") == 1
    assert asked(shop, "SELECT count(*) FROM order_lines WHERE order_id > 360") == 0


def test_what_is_damaged_can_be_damaged_again(shop):
    shop.damage()

    assert shop.damage()


def test_removing_leaves_nothing_and_can_be_repeated(shop):
    shop.remove()
    shop.remove()

    assert not shop.folder.exists()


def test_a_picture_needs_rows_of_one_length_only():
    picture = pictures.png([b"\x00\x00\x00" * 4] * 2)

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.endswith(b"IEND\xaeB`\x82")
