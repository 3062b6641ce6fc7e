"""What machines ask: alive, ready."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from webapp.extensions import db


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_nobody_needs_to_sign_in_to_ask(cast, address):
    assert cast.nobody.get(address).status_code == 200


def test_it_is_alive_but_not_ready_without_its_database(cast, monkeypatch):
    def fail(*_arguments: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(db.session, "execute", fail)

    assert cast.nobody.get("/healthz").status_code == 200
    assert cast.nobody.get("/readyz").status_code == 503
