"""The product's story, told by commands alone against a running server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.server import Server, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("story") / "home") as server:
        yield server


def shop_of(server: Server) -> dict[str, object]:
    """Everything in the shop: modes and contents of files, the rows of the database."""
    folder = server.home / "demo" / "shop"
    found: dict[str, object] = {
        path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "orders.db" not in path.name
    }
    with closing(sqlite3.connect(folder / "orders.db")) as database:
        found["orders.db"] = list(database.iterdump())
    return found


def restored(server: Server, plan_id: str) -> dict[str, object]:
    return server.command(
        "restore", "apply", "demo", plan_id, "--confirm", "demo", "--reason", "repair", "--wait"
    )


def test_capture_damage_preview_restore_undo_and_undo_of_undo(server):
    whole = shop_of(server)
    capture = server.command("capture", "demo", "shop", "--wait")
    server.command("demo", "damage", "--wait")
    damaged = shop_of(server)

    preview = server.command(
        "restore", "preview", "demo", capture["backup_set_id"], "--delete", "--wait"
    )
    assert shop_of(server) == damaged  # a preview writes nothing
    assert preview["counts"]["blocked"] == 0

    first = restored(server, preview["plan_id"])
    assert first["status"] == "succeeded"
    assert shop_of(server) == whole

    undo = server.command("restore", "undo", "demo", first["run_id"], "--wait")
    second = restored(server, undo["plan_id"])
    assert shop_of(server) == damaged

    again = server.command("restore", "undo", "demo", second["run_id"], "--wait")
    restored(server, again["plan_id"])
    assert shop_of(server) == whole


def test_the_audit_log_tells_it_and_its_chain_holds(server):
    actions = {entry["action"] for entry in server.command("audit", "list", "demo")}

    assert {"capture.ended", "demo_damage.ended", "restore.ended"} <= actions
    assert server.command("audit", "verify", "demo")["ok"]
